import { api } from "../helpers/http.js";

const PASSING = new Set([401, 408, 429]);

/**
 * Sends over HTTP what was left unsent in rooms that are not open now. The client_id makes it
 * one message even when that room's own page is sending it too.
 */
export async function deliverStragglers(items, store) {
  for (const item of items) {
    if (item.state === "failed") continue;
    const { room, text, client_id } = item;
    try {
      await api(`/api/rooms/${room}/messages/`, { method: "POST", body: { text, client_id } });
      await store.delete(client_id);
    } catch ({ status, message }) {
      if (status >= 500 || PASSING.has(status)) return;
      await store.put({ ...item, state: "failed", problem: message });
    }
  }
}
