/**
 * Who is in the room right now. `online` counts distinct people and comes from the server;
 * in large rooms it is larger than the list, which then stays what it was.
 * Events: `change`.
 */
export class People extends EventTarget {
  #present = new Map();
  #met = new Map();
  #online = 0;

  get online() {
    return this.#online;
  }

  get present() {
    return sorted(this.#present.values());
  }

  /** Everyone this page has heard of: whom one may want to address. */
  get met() {
    return sorted(this.#met.values());
  }

  /** The whole state, at the start and after every reconnection; nobody is named in a crowd. */
  welcome({ you, online, people = [] }) {
    this.#present = new Map(people.map((person) => [person.id, person]));
    this.meet(people);
    this.#enter(you);
    this.#change(online);
  }

  changed({ joined = [], left = [], online }) {
    for (const person of left) this.#present.delete(person.id);
    for (const person of joined) this.#enter(person);
    this.#change(online);
  }

  renamed(person) {
    if (this.#present.has(person.id)) this.#enter(person);
    this.#change();
  }

  meet(people) {
    for (const person of people) this.#met.set(person.id, person);
  }

  #enter(person) {
    this.#present.set(person.id, person);
    this.#met.set(person.id, person);
  }

  #change(online) {
    this.#online = online ?? this.#online;
    this.dispatchEvent(new Event("change"));
  }
}

function sorted(people) {
  return [...people].sort((one, other) => one.name.localeCompare(other.name));
}
