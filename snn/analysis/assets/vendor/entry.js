// What the report draws with: the three kinds of chart, and no more of the library.
import { use } from "echarts/core";
import { LineChart, ParallelChart, ScatterChart } from "echarts/charts";
import { GridComponent, ParallelComponent, TooltipComponent } from "echarts/components";
import { CanvasRenderer } from "echarts/renderers";

use([LineChart, ParallelChart, ScatterChart]);
use([GridComponent, ParallelComponent, TooltipComponent, CanvasRenderer]);

export { getInstanceByDom, init } from "echarts/core";
