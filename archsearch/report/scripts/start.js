"use strict";

function chooseTrial(run, number) {
  const point = page.points.find((one) => one.run === run && one.number === number);
  if (!point) return;
  choose(point);
  document.querySelector(".bench").scrollIntoView({ behavior: "smooth", block: "start" });
}

// Rows with long names: on a phone each name stands above its row and not beside it.
function fitted(own) {
  if (!phone.matches || !own.yaxis.tickvals) return own;
  const above = own.yaxis.tickvals.map((place) => place - 0.4);
  const yaxis = { ...own.yaxis, tickvals: above, range: [own.yaxis.range[0], -0.75], showticklabels: false, showgrid: false, ticks: "" };
  const look = { xref: "paper", x: 0, xanchor: "left", showarrow: false, font: { size: 11, color: colour("faint") } };
  const annotations = own.yaxis.ticktext.map((name, place) => ({ ...look, text: plain(name), y: above[place] }));
  return { ...own, yaxis, annotations, height: 1.3 * own.height };
}

function chooseRow(row) {
  chooseTrial(Number(row.closest("table").dataset.run ?? row.dataset.run), Number(row.dataset.number));
}

function chooseLine(event) {
  const net = event.points[0].data.meta;
  if (net) chooseTrial(net.run, net.number);
}

function drawCharts() {
  for (const chart of page.charts) {
    Plotly.react(chart.key, painted(chart.traces), layout(fitted(chart.layout)), CONFIG);
  }
}

function paintRuns() {
  for (const place of page.runs.keys()) {
    for (const dot of document.querySelectorAll(`.dot.run${place}`)) {
      dot.style.setProperty("--run", colour(`series:${place % page.series.length}`));
    }
  }
}

function repaint() {
  paintRuns();
  if (shown) showNet(shown);
  drawFront();
  drawCharts();
}

function rowOf(event) {
  return event.target instanceof Element ? event.target.closest("tbody tr[data-number]") : null;
}

document.addEventListener("click", (event) => rowOf(event) && chooseRow(rowOf(event)));
document.addEventListener("keydown", (event) => event.key === "Enter" && rowOf(event) && chooseRow(rowOf(event)));
darkness.addEventListener("change", repaint);
phone.addEventListener("change", repaint);

paintRuns();
startTrials();
drawCharts();
for (const chart of page.charts) document.getElementById(chart.key).on("plotly_click", chooseLine);
if (phone.matches) for (const table of document.querySelectorAll(".chosen")) table.open = true;
startFront().then(() => document.documentElement.classList.add("ready"));
