// Parallel coordinates: a line per run through its values; brushes choose runs.

let clearBrush = () => {};

function makeParallel() {
  const metric = report.metric;
  const kinds = columns.map((column, c) => [column, c]);
  const axes = kinds.filter(([column]) => column.kind === "axis").map(([, c]) => c);
  const known = (c) => rows.some((row) => row[c] !== null);
  const costs = kinds
    .filter(([column, c]) => ["seconds", "spikes"].includes(column.key) && c !== metric && known(c))
    .map(([, c]) => c);
  if (metric === null || !axes.length || rows.length < 2) {
    document.getElementById("parallel-part").hidden = true;
    return;
  }
  const shownAxes = [...axes, ...costs, metric];
  let order = []; // row of each line

  const chart = makeChart("parallel", (chart, part, width) => {
    if (["brush", "sort", "table", "chosen"].includes(part)) return;
    const { ink, quiet } = theme();
    const upright = width < 600; // axes lie across, one below the other
    const drawn = seen(false).filter((i) => rows[i][metric] !== null);
    const [low, high] = range(rows.map((row) => row[metric]));
    order = byMetric(drawn).reverse(); // the best are drawn last
    const faint = order.length > 300 ? 0.35 : 0.7;
    const data = order.map((i, position) => ({
      value: shownAxes.map((c) => rows[i][c] ?? "-"),
      lineStyle: {
        color: tinted(rows[i][metric], low, high),
        width: position >= order.length - 5 ? 2.5 : 1,
        opacity: position >= order.length - 5 ? 1 : faint,
      },
    }));
    chart.setOption({
      animation: false,
      tooltip: tooltip((hit) => hover(order[hit.dataIndex])),
      parallel: upright
        ? { layout: "vertical", left: 28, right: 28, top: 44, bottom: 28 }
        : { layout: "horizontal", left: 40, right: 64, top: 60, bottom: 24 },
      parallelAxis: shownAxes.map((c, dim) => ({
        ...axisOf(columns[c], wrapped(columns[c].title, upright)),
        id: `axis${dim}`,
        dim,
        ...ends(c),
        nameLocation: upright ? "start" : "end",
        nameGap: upright ? 6 : 16,
        nameTextStyle: { color: ink, fontSize: 12, lineHeight: 14, align: "center" },
        ...(upright ? { nameTextStyle: titleAbove(ink) } : {}),
        ...labels(c, upright),
        areaSelectStyle: { width: 18, color: quiet, opacity: 0.35, borderColor: ink },
      })),
      series: [{ type: "parallel", data, inactiveOpacity: 0.04, activeOpacity: 0.9 }],
    });
    read();
  });

  function read() {
    const series = chart.getModel().getSeriesByIndex(0);
    if (series.getRawIndicesByActiveState("normal").length || !order.length) {
      if (!chart.getModel().queryComponents({ mainType: "parallelAxis" }).some(isBrushed)) {
        state.brushed = null;
        return;
      }
    }
    const active = series.getRawIndicesByActiveState("active");
    state.brushed = new Set(active.map((index) => order[index]));
  }

  let waiting = false;
  chart.on("axisareaselected", () => {
    read();
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      changed("brush");
    });
  });
  clearBrush = () => {
    for (const dim of shownAxes.keys()) {
      const parallelAxisId = `axis${dim}`;
      chart.dispatchAction({ type: "axisAreaSelect", parallelAxisId, intervals: [] });
    }
    state.brushed = null;
  };
}

function isBrushed(axis) {
  return axis.activeIntervals.length > 0;
}

function titleAbove(ink) {
  return { color: ink, fontSize: 12, align: "left", verticalAlign: "bottom", padding: [0, 0, 8, 0] };
}

// A long title in two lines, above an axis that stands.
function wrapped(title, upright) {
  if (upright || title.length < 15) return title;
  const spaces = [...title.matchAll(/ /g)].map((hit) => hit.index);
  const far = (i) => Math.abs(i - title.length / 2);
  const cut = spaces.sort((a, b) => far(a) - far(b))[0];
  return cut === undefined ? title : `${title.slice(0, cut)}\n${title.slice(cut + 1)}`;
}

// A numeric axis ends at its smallest and largest value.
function ends(c) {
  const values = distinct(c);
  if (!columns[c].number) return { data: values };
  const [min, max] = [values[0], values[values.length - 1]];
  return min === max ? { min: min - 1, max: max + 1 } : { min, max };
}

// It names the values that were set; the outermost stay inside of a narrow screen.
function labels(c, upright) {
  const values = distinct(c);
  const isSet = columns[c].number && columns[c].kind === "axis" && values.length < 9;
  const custom = isSet ? { customValues: values } : {};
  const inside = upright ? { showMinLabel: true, showMaxLabel: true } : {};
  const legible = { backgroundColor: theme().paper, padding: [0, 2] }; // lines pass below
  const look = { color: theme().quiet, hideOverlap: true, formatter: brief, ...legible };
  return { axisLabel: { ...look, ...custom, ...inside }, axisTick: custom };
}

function distinct(c) {
  const values = [...new Set(rows.map((row) => row[c]).filter((v) => v !== null))];
  return columns[c].number ? values.sort((a, b) => a - b) : values;
}
