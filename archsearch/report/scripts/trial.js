"use strict";

function valueList(point) {
  const list = element("dl", "values");
  for (const [place, column] of page.columns.entries()) {
    if (point.values[place] === null) continue;
    const how = element("dd");
    how.append(element("span", `how ${column.how}`, column.how));
    // A zero-width space lets a long name break at its parts.
    list.append(element("dt", "", column.title.replaceAll("_", "_\u200b")), element("dd", "", point.texts[place]), how);
  }
  return list;
}

function heading(point) {
  return point.number === null ? point.name : `Trial ${point.number}: ${point.name}`;
}

function standing(point) {
  const run = page.runs.length > 1 || point.number === null ? ` · ${page.runs[point.run].name}` : "";
  const from = point.number === null
    ? "published net of the space, not tried; what is counted"
    : `${point.state}${point.front ? ", on the front" : ""} · ${point.origin}, generation ${point.generation}`;
  return `${from}${run} · ${point.family}`;
}

let shown = null;

function showNet(point) {
  shown = point;
  const panel = document.getElementById("net");
  panel.replaceChildren(element("h3", "", heading(point)), element("p", "said", standing(point)));
  if (point.error) panel.append(element("p", "error", point.error));
  panel.append(valueList(point));
  if (point.net) panel.append(stageList(point.net));
  else panel.append(element("p", "said", "Not drawn here, as the run has so many nets."));
  const name = point.number === null ? point.name : `${page.runs[point.run].folder}:${point.number}`;
  panel.append(element("code", "", `archsearch describe ${name}`));
  for (const row of document.querySelectorAll("tr[data-number]")) {
    const run = Number(row.closest("table").dataset.run ?? row.dataset.run);
    row.classList.toggle("chosen", run === point.run && row.dataset.number === String(point.number));
  }
}
