"use strict";

// Rows with long names: on a phone each name stands above its row and not beside it.
function fitted(own) {
  if (!phone.matches || !own.yaxis.tickvals) return own;
  const above = own.yaxis.tickvals.map((place) => place - 0.4);
  const yaxis = { ...own.yaxis, tickvals: above, range: [own.yaxis.range[0], -0.75], showticklabels: false, showgrid: false, ticks: "" };
  const look = { xref: "paper", x: 0, xanchor: "left", showarrow: false, font: { size: 11, color: colour("faint") } };
  const annotations = own.yaxis.ticktext.map((name, place) => ({ ...look, text: plain(name), y: above[place] }));
  return { ...own, yaxis, annotations: [...(own.annotations ?? []), ...annotations], height: 1.3 * own.height };
}

// A figure, with what is drawn over it.
function drawChart(chart, over = []) {
  const traces = [...painted(chart.traces), ...over];
  return Plotly.react(chart.key, traces, layout(fitted(painted(chart.layout))), CONFIG);
}

function drawCharts() {
  for (const chart of page.charts) drawChart(chart);
}

// What is chosen, in a figure.
function ringAt(x, y) {
  return {
    type: "scatter", mode: "markers", x, y, hoverinfo: "skip", showlegend: false, name: "chosen",
    marker: { symbol: "circle-open", size: 24, color: colour("accent"), line: { width: 2.5 } },
  };
}

// Where a name can stand: the way from its marker, in widths of the text and in lines.
const NAME_PLACES = { "bottom right": [0, 1], "bottom left": [-1, 1], "top right": [0, -1], "top left": [-1, -1] };

// Names stand on the side that has more room, or on another one rather than on each other or on a
// marker; a name without a place is not written, and hovering says it. Left and top are in pixels.
function namePlaces(points, middle) {
  const taken = points.map(({ left, top }) => [left - 6, top, 12]);
  return points.map(({ name, left, top }) => {
    const wide = 6.4 * name.length;
    const side = left > middle ? " left" : " right";
    const places = Object.keys(NAME_PLACES).sort((one, two) => two.endsWith(side) - one.endsWith(side));
    const place = places.find((one) => {
      const [shift, lines] = NAME_PLACES[one];
      const box = [left + shift * wide + (shift ? -8 : 8), top + 14 * lines, wide];
      const free = taken.every(([l, t, w]) => box[0] > l + w || box[0] + wide < l || Math.abs(box[1] - t) > 14);
      if (free) taken.push(box);
      return free;
    });
    return place ?? null;
  });
}
