import { $ } from "../helpers/dom.js";
import { Series } from "../models/series.js";

const SECONDS = 120;
const WIDTH = 240;
const HEIGHT = 64;

/** One figure, live: its number, and its last two minutes as a line. */
export class Plot {
  #root;
  #series = new Series(SECONDS);
  #format;

  constructor(root, { format = String } = {}) {
    this.#root = root;
    this.#format = format;
  }

  add(value) {
    this.#series.add(value);
    $(".figure__value", this.#root).textContent = this.#format(value);
    $(".plot__top", this.#root).textContent = this.#format(this.#series.top);
    this.#draw();
  }

  #draw() {
    const points = this.#series.points.map(({ x, y }) => [x * WIDTH, y * HEIGHT]);
    const line = points.map((point) => point.map((part) => part.toFixed(1)).join(",")).join(" ");
    const [first] = points[0];
    $(".plot__line", this.#root).setAttribute("points", line);
    $(".plot__area", this.#root).setAttribute("points", `${first},${HEIGHT} ${line} ${WIDTH},${HEIGHT}`);
    $(".plot", this.#root).setAttribute("aria-label", this.#sentence);
  }

  get #sentence() {
    const { last, highest } = this.#series;
    return `The last two minutes: now ${this.#format(last)}, at most ${this.#format(highest)}`;
  }
}
