export function $(selector, root = document) {
  return root.querySelector(selector);
}

export function clone(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

export function readJSON(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

/** An element with text: never HTML. */
export function element(tag, { className = "", text = "", ...properties } = {}) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.textContent = text;
  return Object.assign(node, properties);
}

export function isTouch() {
  return matchMedia("(hover: none), (pointer: coarse)").matches;
}

export function isEditing(node) {
  return Boolean(node?.closest?.("input, textarea, select, [contenteditable]"));
}

// Equal letters for equal people, and a colour that stays theirs through a rename.
export function paintAvatar(node, person) {
  node.textContent = [...person.name.trim()][0]?.toUpperCase() ?? "?";
  node.style.setProperty("--hue", hue(person.id));
}

function hue(id) {
  let hash = 7;
  for (const character of String(id)) hash = (hash * 31 + character.codePointAt(0)) % 360_007;
  return (hash * 47) % 360;
}
