/** The server's `error {code, message, retry_after?}`, or "unavailable" when nobody answered. */
export class FrameError extends Error {
  constructor({ code = "unavailable", message = "The server did not answer.", retry_after } = {}) {
    super(message);
    this.name = "FrameError";
    this.code = code;
    this.retryAfter = retry_after;
  }
}
