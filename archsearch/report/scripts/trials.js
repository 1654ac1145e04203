"use strict";

const sorting = { by: null, down: false };

// What a column of the table of all trials shows, and by what it is sorted.
function trialColumns() {
  const text = (name, of) => ({ name, text: of, key: of, left: true });
  const columns = [
    ...(page.runs.length > 1 ? [text("run", (point) => page.runs[point.run].name)] : []),
    { name: "trial", text: (point) => String(point.number), key: (point) => point.number },
    text("net", (point) => point.name),
    text("state", (point) => point.state),
    text("family", (point) => point.family),
  ];
  for (const [place, column] of page.columns.entries()) {
    columns.push({ name: column.title, text: (point) => point.texts[place], key: (point) => point.values[place] });
  }
  return columns;
}

// Unknown values come last, whichever way.
function compare(key, down) {
  return (one, two) => {
    const [a, b] = [key(one), key(two)];
    if (a === null || b === null) return (a === null) - (b === null);
    return (a < b ? -1 : a > b ? 1 : 0) * (down ? -1 : 1);
  };
}

function trialRow(point, columns) {
  const row = element("tr", point === shown ? "chosen" : "");
  row.tabIndex = 0;
  row.dataset.run = point.run;
  row.dataset.number = point.number;
  for (const column of columns) {
    const cell = element("td", column.left ? "text" : "", column.name === "state" ? undefined : column.text(point));
    if (column.name === "state") cell.append(element("span", `state ${point.state}`, point.state));
    row.append(cell);
  }
  return row;
}

function drawTrials() {
  const columns = trialColumns();
  const trials = page.points.filter((point) => point.number !== null);
  if (sorting.by !== null) trials.sort(compare(columns[sorting.by].key, sorting.down));
  const table = element("table", "numbers choose");
  const head = element("tr");
  for (const [place, column] of columns.entries()) {
    const cell = element("th", column.left ? "text" : "", column.name);
    cell.scope = "col";
    cell.tabIndex = 0;
    const way = sorting.down ? "descending" : "ascending";
    cell.setAttribute("aria-sort", place === sorting.by ? way : "none");
    const sort = () => {
      sorting.down = sorting.by === place && !sorting.down;
      sorting.by = place;
      drawTrials();
    };
    cell.addEventListener("click", sort);
    cell.addEventListener("keydown", (event) => event.key === "Enter" && sort());
    head.append(cell);
  }
  const body = element("tbody");
  body.append(...trials.map((point) => trialRow(point, columns)));
  table.append(element("thead"), body);
  table.tHead.append(head);
  document.querySelector("#trials .wide").replaceChildren(table);
}

function startTrials() {
  const details = document.getElementById("trials");
  details.addEventListener("toggle", () => details.open && drawTrials());
}
