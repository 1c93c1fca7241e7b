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
        ? { layout: "vertical", left: 16, right: 24, top: 44, bottom: 28 }
        : { layout: "horizontal", left: 40, right: 64, top: 46, bottom: 24 },
      parallelAxis: shownAxes.map((c, dim) => ({
        ...axisOf(columns[c], wrapped(columns[c].title, upright)),
        id: `axis${dim}`,
        dim,
        ...ends(c),
        nameLocation: upright ? "start" : "end",
        nameGap: upright ? 6 : 10,
        nameTextStyle: { color: ink, fontSize: 12, align: upright ? "left" : "center" },
        ...(upright ? { nameTextStyle: titleAbove(ink) } : {}),
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

function wrapped(title, upright) {
  return upright ? title : title.replace(/ (?=\()/, "\n").replace(/^(\S{3,}) (\S.{5,})$/s, "$1\n$2");
}

// A numeric axis ends at its smallest and largest value, and names values that were set.
function ends(c) {
  if (!columns[c].number) return { data: [...new Set(rows.map((row) => row[c]).filter(Boolean))] };
  const values = [...new Set(rows.map((row) => row[c]).filter((v) => v !== null))];
  values.sort((a, b) => a - b);
  const [min, max] = [values[0], values[values.length - 1]];
  if (min === max) return { min: min - 1, max: max + 1 };
  return { min, max };
}
