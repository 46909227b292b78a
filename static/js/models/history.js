import { api } from "../helpers/http.js";

const PAGE = 50;

/** The room's log in pages: over the socket while it is there, else over HTTP. */
export class History {
  #socket;
  #address;

  constructor({ slug, socket }) {
    this.#socket = socket;
    this.#address = `/api/rooms/${slug}/events/`;
  }

  /** @param {{before?: number, after?: number}} place @returns {Promise<object[]>} ascending */
  async page(place) {
    if (!this.#socket.connected) return this.#fetch(place);
    const { events } = await this.#socket.request({ type: "history", ...place, limit: PAGE });
    return events;
  }

  newest() {
    return this.#fetch({});
  }

  around(seq) {
    return this.page({ before: seq + PAGE / 2 });
  }

  async #fetch(place) {
    const { results } = await api(`${this.#address}?${new URLSearchParams({ ...place, limit: PAGE })}`);
    return results;
  }
}
