// Accuracy after each epoch, of the runs that were chosen.

const SPLITS = { val: "validation data", train: "training data" };
const DASHES = ["solid", "dashed", "dotted"];

function makeCurves() {
  const having = [...curves.keys()].filter((i) => curves[i]);
  const splits = Object.keys(SPLITS).filter((split) => having.some((i) => curves[i][split]));
  if (!splits.length) {
    document.getElementById("curves-part").hidden = true;
    return;
  }
  const select = document.getElementById("curves-of");
  for (const split of splits) select.append(element("option", { value: split }, SPLITS[split]));
  if (splits.length > 1) select.append(element("option", { value: "both" }, "both"));
  select.addEventListener("change", () => changed("chosen"));
  const best = () => byMetric(having).slice(0, 5);
  document.getElementById("best-five").addEventListener("click", () => {
    state.chosen = best();
    changed("chosen");
  });
  document.getElementById("none-chosen").addEventListener("click", () => {
    state.chosen = [];
    changed("chosen");
  });
  if (!state.chosen.length) state.chosen = report.chosen.length ? [...report.chosen] : best();

  makeChart("curves", (chart, part) => {
    if (["sort", "table", "filters", "brush"].includes(part)) return;
    const { series: colours, quiet } = theme();
    const drawn = select.value === "both" ? splits : [select.value];
    const lines = state.chosen.flatMap((i, position) =>
      drawn
        .filter((split) => curves[i]?.[split])
        .map((split) => ({
          type: "line",
          name: described(i) + (drawn.length > 1 ? `, ${SPLITS[split]}` : ""),
          data: curves[i][split],
          showSymbol: curves[i][split].length < 3,
          symbolSize: 6,
          itemStyle: { color: colours[position % colours.length] },
          lineStyle: {
            color: colours[position % colours.length],
            width: 2,
            type: drawn.length > 1 ? DASHES[drawn.indexOf(split)] : dashOf(position, colours),
          },
        })),
    );
    const x = { ...axisOf({ number: true }, "epoch"), nameLocation: "middle", nameGap: 28 };
    const y = { ...axisOf({ number: true }, "accuracy (%)"), nameLocation: "middle", nameGap: 40 };
    chart.setOption(
      {
        animation: false,
        tooltip: { ...tooltip(null, "axis"), formatter: curveHover },
        grid: { left: 58, right: 18, top: 16, bottom: 46 },
        xAxis: { ...x, min: "dataMin", max: "dataMax", minInterval: 1 },
        yAxis: y,
        series: lines,
      },
      { replaceMerge: ["series"] },
    );
    list(colours);
  });
}

function dashOf(position, colours) {
  return DASHES[Math.floor(position / colours.length) % DASHES.length];
}

function curveHover(hits) {
  const lines = hits
    .slice(0, 12)
    .map((hit) => `${hit.marker} ${escaped(hit.seriesName)}: <b>${hit.value[1].toFixed(2)}</b>`);
  return [`epoch ${hits[0].value[0]}`, ...lines].join("<br>");
}

function list(colours) {
  const items = state.chosen.map((i, position) => {
    const look = `background:${colours[position % colours.length]}`;
    const away = element("button", { type: "button", "aria-label": `remove ${described(i)}` }, "×");
    away.addEventListener("click", () => choose(i, false));
    const text = describedShort(i);
    return element("li", {}, element("i", { style: look }), text, away);
  });
  document.getElementById("chosen").replaceChildren(...items);
}

function describedShort(row) {
  const metric = report.metric;
  const link = element("a", { href: links[row], title: names[row] }, described(row));
  const value = metric === null ? "" : `: ${shown(rows[row][metric], columns[metric])}`;
  return element("span", {}, link, value);
}
