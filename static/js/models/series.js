const NICE = [1, 2, 5, 10];

/** The last values of one figure, oldest first, and the scale on which they are drawn. */
export class Series {
  #values = [];
  #length;

  constructor(length) {
    this.#length = length;
  }

  add(value) {
    this.#values.push(value);
    if (this.#values.length > this.#length) this.#values.shift();
  }

  get last() {
    return this.#values.at(-1);
  }

  get highest() {
    return Math.max(...this.#values);
  }

  /** The top of the scale, a round number above all values; the bottom is 0. */
  get top() {
    const power = 10 ** Math.floor(Math.log10(Math.max(this.highest, 1)));
    return power * NICE.find((step) => step * power >= this.highest);
  }

  /** Points between 0 and 1, the newest at x = 1 and the top of the scale at y = 0. */
  get points() {
    const missing = this.#length - this.#values.length;
    return this.#values.map((value, index) => ({
      x: (missing + index) / (this.#length - 1),
      y: 1 - value / this.top,
    }));
  }
}
