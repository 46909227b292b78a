const DATABASE = "chatsite";
const STORE = "outbox";

/**
 * Unsent messages in IndexedDB, by owner and room. A browser that refuses storage (private
 * windows) loses only the survival of a closed tab: every call then quietly does nothing.
 */
export class OutboxStore {
  #opening = null;

  async all(owner) {
    const items = await this.#run("readonly", (store) => store.index("owner").getAll(owner));
    return (items ?? []).sort((one, other) => one.timestamp.localeCompare(other.timestamp));
  }

  put(item) {
    return this.#run("readwrite", (store) => store.put(item));
  }

  delete(clientId) {
    return this.#run("readwrite", (store) => store.delete(clientId));
  }

  async #run(mode, action) {
    try {
      const database = await (this.#opening ??= open());
      return await settled(action(database.transaction(STORE, mode).objectStore(STORE)));
    } catch {
      return undefined;
    }
  }
}

function open() {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(STORE, { keyPath: "client_id" }).createIndex("owner", "owner");
  };
  return settled(request);
}

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
