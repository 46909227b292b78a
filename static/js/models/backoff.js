/**
 * How long to wait before a further attempt: doubling, capped, and spread over the upper half,
 * so that a thousand clients cut off together do not come back together.
 *
 * @param {number} attempt 1 for the first attempt after a loss
 * @param {{interval: number, limit: number, random?: () => number}} options milliseconds
 * @returns {number} milliseconds
 */
export function backoff(attempt, { interval, limit, random = Math.random }) {
  const ceiling = Math.min(limit, interval * 2 ** Math.min(attempt - 1, 30));
  return ceiling * (0.5 + random() / 2);
}
