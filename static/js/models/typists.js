const FADE_MS = 5_000;
const SHOWN = 3;

/** Who is writing right now. Events: `change`. */
export class Typists extends EventTarget {
  #people = new Map();

  typing(person) {
    this.#forget(person.id);
    const timer = setTimeout(() => this.stopped(person), FADE_MS);
    this.#people.set(person.id, { name: person.name, timer });
    this.#changed();
  }

  stopped(person) {
    if (this.#forget(person.id)) this.#changed();
  }

  clear() {
    for (const id of [...this.#people.keys()]) this.#forget(id);
    this.#changed();
  }

  get sentence() {
    const names = Array.from(this.#people.values(), ({ name }) => name);
    if (names.length === 0) return "";
    if (names.length > SHOWN) return "Several people are typing…";
    const list = names.length === 1 ? names[0] : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
    return `${list} ${names.length === 1 ? "is" : "are"} typing…`;
  }

  #forget(id) {
    clearTimeout(this.#people.get(id)?.timer);
    return this.#people.delete(id);
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
