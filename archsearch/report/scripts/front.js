"use strict";

const figure = document.getElementById("front");
const chosen = { x: null, y: null };

function columnOf(key) {
  return page.columns.findIndex((column) => column.key === key);
}

// Places of the points that no other one beats in both measures; copies of a point are all kept.
function frontOf(points, x, y) {
  const [across, upwards] = [page.columns[x], page.columns[y]];
  const signed = (point, place, column) => (column.maximize ? -1 : 1) * point.values[place];
  const known = points
    .filter((point) => point.state === "complete" && point.values[x] !== null && point.values[y] !== null)
    .map((point) => [signed(point, x, across), signed(point, y, upwards), point])
    .sort((one, two) => one[0] - two[0] || one[1] - two[1]);
  const kept = [];
  for (const [a, b, point] of known) {
    const last = kept[kept.length - 1];
    if (!last || b < last[1] || (a === last[0] && b === last[1])) kept.push([a, b, point]);
  }
  return kept.map(([, , point]) => point);
}

function hoverText(point) {
  const own = new Set([columnOf(chosen.x), columnOf(chosen.y)]);
  const numbers = page.columns
    .map((column, place) => [column, place])
    .filter(([, place]) => point.values[place] !== null)
    .sort(([, one], [, two]) => own.has(two) - own.has(one))
    .slice(0, 6)
    .map(([column, place]) => `${plain(column.title)}: <b>${plain(point.texts[place])}</b>`);
  const state = point.state === "complete" ? "" : `, ${point.state}`;
  const run = page.runs.length > 1 ? ` (${plain(page.runs[point.run].name)})` : "";
  return `<b>${plain(heading(point))}</b>${run}<br>${plain(point.family)}${state}<br>${numbers.join("<br>")}`;
}

function markers(points, x, y, own) {
  return {
    type: "scatter", mode: "markers", x: points.map((point) => point.values[x]), y: points.map((point) => point.values[y]),
    customdata: points.map((point) => page.points.indexOf(point)),
    text: points.map(hoverText), hovertemplate: "%{text}<extra></extra>", ...own,
  };
}

function bars(points, place, shade) {
  const spreads = points.map((point) => point.spreads[place] ?? 0);
  return { type: "data", array: spreads, visible: spreads.some((spread) => spread > 0), color: shade, thickness: 1.2, width: 3 };
}

// One run: a group is a family of blocks. Several: a group is a run.
function groups() {
  if (page.runs.length > 1) {
    return page.runs.map((run, place) => ({
      name: run.name, tone: colour(`series:${place % page.series.length}`),
      symbol: page.series[place % page.series.length], of: (point) => point.run === place,
    }));
  }
  return Object.entries(page.symbols).map(([family, symbol]) => ({
    name: family, tone: colour(`family:${family}`), symbol, of: (point) => point.family === family,
  }));
}

function groupTraces(group, points, x, y, best) {
  const own = points.filter((point) => group.of(point) && point.number !== null);
  const strong = (point) => best.has(point) || point.front;
  const stopped = own.filter((point) => point.state !== "complete");
  const behind = own.filter((point) => point.state === "complete" && !strong(point));
  const front = own.filter(strong);
  const shared = { legendgroup: group.name, name: group.name, showlegend: false };
  const pale = { symbol: `${group.symbol}-open`, size: 7, opacity: 0.6, color: group.tone, line: { width: 1.2, color: group.tone } };
  const clear = { symbol: group.symbol, size: 8, opacity: 0.5, color: group.tone };
  const big = { symbol: group.symbol, size: 13, color: group.tone, line: { width: 1.2, color: colour("card") } };
  return [
    markers(stopped, x, y, { ...shared, marker: pale }),
    markers(behind, x, y, { ...shared, marker: clear }),
    markers(front, x, y, { ...shared, marker: big, error_x: bars(front, x, group.tone), error_y: bars(front, y, group.tone) }),
    // Its legend, which is there whatever the group has.
    { type: "scatter", mode: "markers", x: [null], y: [null], legendgroup: group.name, name: group.name, marker: { ...big, size: 10 } },
  ];
}

function frontLine(points, x, y, name, tone) {
  const line = [...points].sort((one, two) => one.values[x] - two.values[x] || one.values[y] - two.values[y]);
  return {
    type: "scatter", mode: "lines", x: line.map((point) => point.values[x]), y: line.map((point) => point.values[y]),
    line: { shape: page.columns[x].maximize ? "vh" : "hv", color: tone, width: 1.6 }, name, hoverinfo: "skip",
    showlegend: page.runs.length === 1,
  };
}

// Names of nets beside their stars, where there is room.
function labelPlaces(nets, x, y) {
  const across = position(x, figure.clientWidth || 600);
  const down = position(y, -(figure.clientHeight || 500));
  const points = nets.map((point) => ({ name: point.name, left: across(point.values[x]), top: down(point.values[y]) }));
  return namePlaces(points, (figure.clientWidth || 600) / 2);
}

// Roughly where a measure's values lie in so many pixels, which are as many as all values take.
function position(place, pixels) {
  const scale = page.columns[place].wide ? Math.log : Number;
  const all = page.points.map((point) => point.values[place]).filter((value) => value !== null).map(scale);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  return (value) => (0.85 * pixels * (scale(value) - low)) / (high - low || 1);
}

function stars(points, x, y) {
  const nets = points.filter((point) => point.published);
  const named = nets.length <= 8 && !phone.matches;
  const places = named ? labelPlaces(nets, x, y) : [];
  const look = { symbol: "star", size: 15, color: colour("star"), line: { width: 1, color: colour("ink") } };
  return {
    ...markers(nets, x, y, { marker: look, name: "published net" }), mode: named ? "markers+text" : "markers",
    text: nets.map((point, net) => (places[net] ? point.name : "")), textposition: places.map((at) => at ?? "bottom right"), textfont: { size: 11, color: colour("faint") },
    hovertext: nets.map(hoverText), hovertemplate: "%{hovertext}<extra></extra>", visible: nets.length > 0,
    error_x: bars(nets, x, colour("faint")), error_y: bars(nets, y, colour("faint")),
  };
}

function ring(x, y) {
  const there = shown && shown.values[x] !== null && shown.values[y] !== null;
  return ringAt(there ? [shown.values[x]] : [], there ? [shown.values[y]] : []);
}

function frontTraces(x, y) {
  const points = page.points.filter((point) => point.values[x] !== null && point.values[y] !== null);
  const fronts = page.runs.map((run, place) => frontOf(points.filter((point) => point.run === place), x, y));
  const best = new Set(fronts.flat());
  const lines = fronts.map((front, place) =>
    frontLine(front, x, y, "front", page.runs.length > 1 ? colour(`series:${place % page.series.length}`) : colour("ink")));
  const stopped = points.some((point) => point.state === "stopped") ? [{
    type: "scatter", mode: "markers", x: [null], y: [null], name: "stopped early",
    marker: { symbol: "circle-open", size: 8, color: colour("faint") },
  }] : [];
  const shownGroups = groups().filter((group) => points.some((point) => point.number !== null && group.of(point)));
  return [...lines, ...shownGroups.flatMap((group) => groupTraces(group, points, x, y, best)), ...stopped, stars(points, x, y), ring(x, y)];
}

function measureAxis(column) {
  const title = { text: plain(column.label) };
  if (column.wide) return { title, type: "log", dtick: "D2", tickformat: "~s", minor: { showgrid: false } };
  return { title, tickformat: column.unit === "fraction" ? "" : "~s" };
}

function drawFront() {
  if (!chosen.x) return;
  const [x, y] = [columnOf(chosen.x), columnOf(chosen.y)];
  const own = layout({ xaxis: measureAxis(page.columns[x]), yaxis: measureAxis(page.columns[y]), hovermode: "closest", uirevision: `${chosen.x} ${chosen.y}` });
  return Plotly.react(figure, frontTraces(x, y), own, CONFIG);
}

// Zoom about the middle; 0 shows all again. Zoomed in, a finger moves the figure and not the page.
function zoom(factor) {
  if (!chosen.x) return;
  if (!factor) {
    Plotly.relayout(figure, { "xaxis.autorange": true, "yaxis.autorange": true, dragmode: touch.matches ? false : "zoom" });
    return;
  }
  const wider = ([low, high]) => [0, 1].map((end) => (low + high) / 2 + (end - 0.5) * (high - low) * factor);
  const { xaxis, yaxis } = figure._fullLayout;
  const moving = touch.matches ? { dragmode: "pan" } : {};
  Plotly.relayout(figure, { "xaxis.range": wider(xaxis.range), "yaxis.range": wider(yaxis.range), ...moving });
}

function choose(point) {
  showNet(point);
  drawFront();
}

function fillChoices(id, way) {
  const select = document.getElementById(id);
  for (const column of page.columns) {
    const option = element("option", "", column.title);
    option.value = column.key;
    select.append(option);
  }
  select.value = chosen[way];
  select.addEventListener("change", () => {
    chosen[way] = select.value;
    drawFront();
  });
}

async function startFront() {
  const best = page.points.find((point) => point.run === 0 && point.number === page.first) ?? page.points[0];
  if (best) showNet(best);
  if (!page.axes) {
    figure.textContent = "There are no two measures to draw yet.";
    return;
  }
  [chosen.x, chosen.y] = page.axes;
  fillChoices("across", "x");
  fillChoices("upwards", "y");
  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => zoom(Number(button.dataset.zoom)));
  }
  await drawFront();
  figure.on("plotly_click", ({ points }) => {
    if (points[0].customdata === undefined) return;
    choose(page.points[points[0].customdata]);
    if (touch.matches || innerWidth <= 900) document.getElementById("net").scrollIntoView({ behavior: "smooth", block: "start" });
  });
}
