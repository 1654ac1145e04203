"use strict";

function chooseTrial(run, number) {
  const point = page.points.find((one) => one.run === run && one.number === number);
  if (!point) return;
  choose(point);
  document.querySelector(".bench").scrollIntoView({ behavior: "smooth", block: "start" });
}

function chooseRow(row) {
  chooseTrial(Number(row.closest("table").dataset.run ?? row.dataset.run), Number(row.dataset.number));
}

function chooseLine(event) {
  const net = event.points[0].data.meta;
  if (net) chooseTrial(net.run, net.number);
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
