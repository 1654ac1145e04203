"use strict";

const SVG = "http://www.w3.org/2000/svg";

function shape(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

// A feature map as a block: its face grows with the map's height, its depth with the channels.
function featureMap(size, input) {
  const [channels, height] = size;
  const side = height ? 8 + 24 * Math.sqrt(height / input[1]) : 7;
  const depth = Math.min(2 + 1.6 * Math.log2(Math.max(channels, 2) / 2), 18);
  const made = shape("svg", { width: side + depth, height: side + depth, "aria-hidden": "true" });
  const corner = (x, y) => `${x},${y}`;
  const top = [[0, depth], [depth, 0], [side + depth, 0], [side, depth]];
  const right = [[side, depth], [side + depth, 0], [side + depth, side], [side, side + depth]];
  for (const face of [top, right]) {
    made.append(shape("polygon", { class: "top", points: face.map((p) => corner(...p)).join(" ") }));
  }
  made.append(shape("rect", { class: "face", x: 0, y: depth, width: side, height: side }));
  return made;
}

function layerChip([times, kind, leaves, isBlock]) {
  const chip = element("span", isBlock ? "layer" : "layer plain");
  if (isBlock) chip.style.setProperty("--kind", colour(`kind:${kind}`));
  chip.append(`${times > 1 ? `${times} × ` : ""}${kind.replaceAll("_", " ")} `);
  if (leaves) chip.append(element("small", "", leaves.replaceAll("_", " ")));
  return chip;
}

function costBars(stage) {
  const made = element("div", "bars");
  for (const [place, name] of ["params", "MACs"].entries()) {
    made.append(`${[stage.params, stage.macs][place]} ${name}`);
    const bar = element("div", "bar");
    const filled = element("i");
    filled.style.width = `${100 * stage.share[place]}%`;
    bar.append(filled);
    made.append(bar);
  }
  return made;
}

function stageRow(stage, input) {
  const row = element("li");
  const picture = element("div");
  picture.append(featureMap(stage.size, input));
  const middle = element("div");
  middle.append(element("b", "", stage.name));
  if (stage.changed) middle.append(element("span", "how changed", "changed"));
  middle.append(element("span", "size", stage.head ? `${stage.size[0]} classes` : stage.size.join(" × ")));
  const layers = element("div", "layers");
  layers.append(...stage.layers.map(layerChip));
  middle.append(layers);
  row.append(picture, middle, costBars(stage));
  return row;
}

function stageList(net) {
  const list = element("ol", "stages");
  const input = { name: "Input", head: false, size: net.input, params: "", macs: "", share: [0, 0], layers: [] };
  const first = stageRow(input, net.input);
  first.querySelector(".bars").replaceChildren();
  list.append(first, ...net.stages.map((stage) => stageRow(stage, net.input)));
  return list;
}
