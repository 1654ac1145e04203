"use strict";

const page = JSON.parse(document.getElementById("data").textContent);
const darkness = matchMedia("(prefers-color-scheme: dark)");
const phone = matchMedia("(max-width: 560px)");
const touch = matchMedia("(pointer: coarse)");

function element(tag, classes, text) {
  const made = document.createElement(tag);
  if (classes) made.className = classes;
  if (text !== undefined) made.textContent = text;
  return made;
}

// A token's colour on the page as it is now; what the palette lacks is one of the style's own.
function colour(token) {
  const tone = page.palette[token];
  if (tone) return tone[darkness.matches ? 1 : 0];
  return getComputedStyle(document.documentElement).getPropertyValue(`--${token}`).trim();
}

function painted(value) {
  if (typeof value === "string") return value.startsWith("@") ? colour(value.slice(1)) : value;
  if (Array.isArray(value)) return value.map(painted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, painted(inner)]));
}

// Plotly reads a few tags in texts; ours are plain.
function plain(text) {
  return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;");
}

function axis(own) {
  return {
    gridcolor: colour("line"), linecolor: colour("faint"), zeroline: false, ticks: "outside",
    tickcolor: colour("faint"), automargin: true, ...own,
    title: { standoff: 8, font: { size: phone.matches ? 11 : 13 }, ...(own.title || {}) },
  };
}

function layout(own) {
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 13, color: colour("ink") },
    margin: { l: 8, r: 8, t: 8, b: 8 },
    hoverlabel: { bgcolor: colour("card"), bordercolor: colour("line"), font: { color: colour("ink"), size: 13 }, align: "left" },
    legend: { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom", itemsizing: "trace" },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("faint"), activecolor: colour("accent") },
    // A finger that moves over a figure scrolls the page.
    dragmode: touch.matches ? false : "zoom",
    ...own,
    xaxis: axis(own.xaxis || {}),
    yaxis: axis(own.yaxis || {}),
  };
}

const CONFIG = {
  displaylogo: false, responsive: true, displayModeBar: touch.matches ? false : "hover",
  plotlyServerURL: "",
  // Named one by one: the usual buttons hold one that sends the data to a service.
  modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
};
