// Frames that tell of another frame's seq, and have none of their own in the log.
const WITHOUT_PLACE = new Set(["welcome", "sent", "pong", "resync"]);

/**
 * Where a socket stands in the log: drops what was seen, notices what is missing.
 * `last` is null until the first `welcome` of a socket that was opened without a place.
 */
export class Sequence {
  #last;
  #gapAt = null;

  constructor(last = null) {
    this.#last = last;
  }

  get last() {
    return this.#last;
  }

  /** @returns {"take" | "drop" | "reconnect" | "reload"} what to do with the frame */
  judge(frame) {
    if (frame.type === "welcome") this.#last ??= frame.seq ?? null;
    if (frame.type === "resync") this.#restart(frame.seq);
    if (WITHOUT_PLACE.has(frame.type) || !Number.isInteger(frame.seq)) return "take";
    if (this.#last !== null && frame.seq <= this.#last) return "drop";
    if (this.#last !== null && frame.seq > this.#last + 1) return this.#gap(frame.seq);
    this.#restart(frame.seq);
    return "take";
  }

  // The same gap twice is one that asking again does not close: reload instead of looping.
  #gap(seq) {
    const again = this.#gapAt === this.#last;
    this.#gapAt = this.#last;
    if (again) this.#restart(seq);
    return again ? "reload" : "reconnect";
  }

  #restart(seq) {
    this.#last = seq;
    this.#gapAt = null;
  }
}
