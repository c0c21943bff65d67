"use strict";
/* Elements, numbers and words. Text always becomes a text node: nothing on this page parses HTML. */

const SVG = "http://www.w3.org/2000/svg";

function element(name, attributes, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function shape(name, attributes, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (value === true) {
      node.setAttribute(name, "");
    } else if (value !== false && value !== null && value !== undefined) {
      node.setAttribute(name, value);
    }
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function byId(id) {
  return document.getElementById(id);
}

/* A figure in the digits that its unit deserves; a dash where it is unknown. */
function showFigure(value, unit) {
  if (value === null || value === undefined) return "–";
  if (unit === "share") return `${Math.round(100 * value)} %`;
  if (unit === "count") return value.toFixed(0);
  if (unit === "ratio") return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
  return value.toFixed(2);
}

/* A whole number with a true minus sign. */
function signed(value) {
  return String(value).replace("-", "−");
}

function showSigned(value, digits) {
  return value === null ? "–" : `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;
}

function plural(count, word) {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

function quantile(values, share) {
  const sorted = values.filter((value) => value !== null).sort((a, b) => a - b);
  if (!sorted.length) return null;
  const place = share * (sorted.length - 1);
  const low = Math.floor(place);
  return sorted[low] + (place - low) * (sorted[Math.ceil(place)] - sorted[low]);
}

/* Three levels of a flat list of colors, or null where the patch was not measured. */
function colorAt(levels, patch) {
  const color = levels.slice(3 * patch, 3 * patch + 3);
  return color.includes(null) ? null : color;
}

function paint(color) {
  if (!color) return "none";
  const [red, green, blue] = color.map((level) => Math.round(Math.min(255, Math.max(0, level))));
  return `rgb(${red},${green},${blue})`;
}
