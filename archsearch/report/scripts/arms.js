"use strict";

const trade = document.getElementById("worth");
let shown = null;

function textOf(label, text) {
  const made = element("p", "said", `${label}: `);
  made.append(element("b", "", text));
  return made;
}

function numberList(arm) {
  const list = element("dl", "values");
  for (const [label, text, how] of arm.values) {
    const origin = element("dd");
    if (how) origin.append(element("span", `how ${how}`, how));
    list.append(element("dt", "", label), element("dd", "", text), origin);
  }
  return list;
}

function showArm(arm) {
  shown = arm;
  const panel = document.getElementById("net");
  panel.replaceChildren(element("h3", "", `${arm.name} ${arm.mark}`.trim()));
  panel.append(arm.changes ? textOf("changed", arm.changes) : element("p", "said", "nothing is changed"));
  if (arm.reference) panel.append(textOf("compared with", arm.reference));
  for (const reason of arm.failed) panel.append(element("p", "error", `failed: ${reason}`));
  panel.append(numberList(arm));
  if (arm.paper) panel.append(element("p", "said", `The paper: ${arm.paper}.`));
  panel.append(stageList(arm.net));
  if (arm.trial !== null) panel.append(element("code", "", `archsearch describe ${page.folder}:${arm.trial}`));
  for (const row of document.querySelectorAll("tr[data-arm]")) {
    row.classList.toggle("chosen", row.dataset.arm === arm.name);
  }
}

function armOf(name) {
  return page.arms.find((arm) => arm.name === name);
}

function chartOf(key) {
  return page.charts.find((chart) => chart.key === key);
}

// The chosen arm's marker in a figure: hidden legends and words have no place.
function ringIn(traces) {
  for (const trace of traces) {
    const place = shown && trace.customdata && !String(trace.mode).startsWith("lines") ? trace.customdata.indexOf(shown.name) : -1;
    if (place >= 0 && trace.hovertext) return ringAt([trace.x[place]], [trace.y[place]]);
  }
  return ringAt([], []);
}

function drawDifferences() {
  const chart = chartOf("differences");
  return drawChart(chart, [ringIn(chart.traces)]);
}

// Names of the arms beside their markers, where the figure as it is drawn has room for them.
function nameTrace(traces) {
  const points = traces.flatMap((trace) => (trace.customdata ?? []).map((name, at) => ({ name, x: trace.x[at], y: trace.y[at] })));
  const { xaxis, yaxis } = trade._fullLayout;
  const spots = points.map(({ name, x, y }) => ({ name, left: xaxis.l2p(x), top: yaxis.l2p(y) }));
  const places = namePlaces(spots, xaxis._length / 2);
  const named = points.filter((_, at) => places[at]);
  return {
    // The markers are there for their size alone, which keeps the names off those of the arms.
    type: "scatter", mode: "markers+text", marker: { size: 16, opacity: 0 }, x: named.map((one) => one.x), y: named.map((one) => one.y),
    text: named.map((one) => plain(one.name)), textposition: places.filter(Boolean), textfont: { size: 11, color: colour("faint") },
    hoverinfo: "skip", showlegend: false, cliponaxis: false,
  };
}

function drawWorth() {
  const own = page.worth.figures[`${document.getElementById("across").value}/${document.getElementById("upwards").value}`];
  const [traces, look] = [[...painted(own.traces), ringIn(own.traces)], layout(painted(own.layout))];
  Plotly.react(trade, traces, look, CONFIG);
  if (phone.matches || page.arms.length > 40) return;
  Plotly.react(trade, [...traces, nameTrace(own.traces)], look, CONFIG);
}

function chooseArm(name) {
  const arm = armOf(name);
  if (!arm) return;
  showArm(arm);
  drawDifferences();
  drawWorth();
}

// From afar the net is brought into sight.
function visitArm(name) {
  chooseArm(name);
  document.getElementById("net").scrollIntoView({ behavior: "smooth", block: "start" });
}

function fillChoices(id, titles) {
  const select = document.getElementById(id);
  for (const [key, title] of Object.entries(titles)) {
    const option = element("option", "", title);
    option.value = key;
    select.append(option);
  }
  select.addEventListener("change", drawWorth);
}

function repaint() {
  if (shown) showArm(shown);
  drawCharts();
  drawDifferences();
  drawWorth();
}

function rowOf(event) {
  return event.target instanceof Element ? event.target.closest("tbody tr[data-arm]") : null;
}

function listen(figure, visit) {
  figure.on("plotly_click", ({ points }) => points[0].customdata !== undefined && visit(points[0].customdata));
}

document.addEventListener("click", (event) => rowOf(event) && visitArm(rowOf(event).dataset.arm));
document.addEventListener("keydown", (event) => event.key === "Enter" && rowOf(event) && visitArm(rowOf(event).dataset.arm));
darkness.addEventListener("change", repaint);
phone.addEventListener("change", repaint);

fillChoices("across", page.worth.costs);
fillChoices("upwards", page.worth.views);
showArm(armOf(page.first));
drawCharts();
drawWorth();
for (const chart of page.charts) {
  const beside = chart.key === "differences" && !touch.matches && innerWidth > 900;
  listen(document.getElementById(chart.key), beside ? chooseArm : visitArm);
}
listen(trade, visitArm);
drawDifferences().then(() => document.documentElement.classList.add("ready"));
