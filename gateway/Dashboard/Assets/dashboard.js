// A live page reloads every few seconds and applies the changes. Pages work without this script.

const notice = document.getElementById('notice');
const main = () => document.getElementById('main');
let live = document.body.dataset.live !== undefined;
let busy = false;

// --- applying changes

// Elements are matched by id, otherwise by position, and changed only if they differ. This preserves focus, selection, open details
// and input.
function morph(from, to) {
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName || (from.id ?? '') !== (to.id ?? '')) {
    from.replaceWith(to);
    return;
  }
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
    return;
  }
  if (from.isEqualNode(to)) return;
  morphAttributes(from, to);
  if (from.nodeName !== 'TEXTAREA') morphChildren(from, to);
}

const ofTheReader = (element, name) =>
  (element.nodeName === 'DETAILS' && name === 'open')
  || (name === 'hidden' && element.matches('[data-copy], [data-find], [data-found]'))
  || name === 'data-found';

function morphAttributes(from, to) {
  for (const { name, value } of [...to.attributes]) {
    if (from.getAttribute(name) !== value && !ofTheReader(from, name)) from.setAttribute(name, value);
  }
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && !ofTheReader(from, name)) from.removeAttribute(name);
  }
}

function morphChildren(from, to) {
  const known = new Map([...from.children].filter(child => child.id).map(child => [child.id, child]));
  let at = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    const same = wanted.id ? known.get(wanted.id) : undefined;
    if (same && same !== at) from.insertBefore(same, at);
    const current = same ?? at;
    if (!current || (!same && (wanted.id || current.id))) {
      from.insertBefore(wanted, at);
      continue;
    }
    at = current.nextSibling;
    morph(current, wanted);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

class Refusal extends Error {
  constructor(status) {
    super(String(status));
    this.status = status;
  }
}

async function load(url) {
  const response = await fetch(url, { headers: { Accept: 'text/html' }, cache: 'no-store' });
  if (response.redirected && new URL(response.url).pathname === '/login') {
    location.reload();
    return;
  }
  if (response.status >= 500) throw new Refusal(response.status);
  const page = new DOMParser().parseFromString(await response.text(), 'text/html');
  document.title = page.title;
  if (page.body.dataset.live) document.body.dataset.live = page.body.dataset.live;
  morph(main(), page.getElementById('main'));
  enliven();
}

// A refresh must not disturb an open dialog, a selection or input.
function isReading() {
  const selection = getSelection();
  return document.querySelector(':popover-open') !== null
    || (selection !== null && !selection.isCollapsed && main().contains(selection.anchorNode))
    || (document.activeElement?.matches('main input, main select, main textarea') ?? false);
}

async function refresh() {
  if (!live || busy || document.hidden || isReading()) return;
  busy = true;
  try {
    await load(location.href);
    notice.textContent = '';
    document.body.dataset.stale = 'no';
  } catch (error) {
    // A gateway whose store is away answers, and says so.
    const who = !(error instanceof Refusal) ? 'The gateway has not answered'
      : error.status === 503 ? 'The store has not answered' : 'The gateway has failed to show this page';
    if (document.body.dataset.stale !== who) {
      const at = new Date().toISOString().slice(11, 19);
      notice.textContent = `${who} since ${at} UTC. This page shows the data of that time and keeps retrying.`;
    }
    document.body.dataset.stale = who;
  } finally {
    busy = false;
  }
}

for (const toggle of document.querySelectorAll('[data-live-toggle]')) {
  toggle.hidden = false;
  toggle.addEventListener('click', () => {
    live = !live;
    toggle.setAttribute('aria-pressed', String(live));
    refresh();
  });
}

// Each page sets its own interval, which may change with its content.
async function keepUp() {
  await refresh();
  setTimeout(keepUp, Number(document.body.dataset.live) * 1000);
}

if (live) setTimeout(keepUp, Number(document.body.dataset.live) * 1000);
document.addEventListener('visibilitychange', refresh);

// --- steps open and close in place, and the address changes with them

async function go(url, push) {
  busy = true;
  try {
    await load(url);
    if (push) history.pushState(null, '', url);
    const target = new URL(url, location.href).hash.slice(1);
    const element = target && document.getElementById(target);
    if (element && !isInView(element)) element.scrollIntoView({ block: 'nearest' });
  } catch {
    location.href = url;
  } finally {
    busy = false;
  }
}

function isInView(element) {
  const { top } = element.getBoundingClientRect();
  return top >= 0 && top < innerHeight * 0.8;
}

document.addEventListener('click', event => {
  const link = event.target.closest('a[data-soft]');
  if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(link.href, true);
});
addEventListener('popstate', () => go(location.href, false));

// --- filters apply on selection

for (const form of document.querySelectorAll('form[data-filters]')) {
  for (const select of form.querySelectorAll('select')) select.addEventListener('change', () => form.requestSubmit());
  form.addEventListener('submit', () => {
    for (const field of form.elements) if (field.name && !field.value) field.disabled = true;
  });
}

// After back navigation, the form still has its empty fields disabled.
addEventListener('pageshow', () => {
  for (const field of document.querySelectorAll('form[data-filters] :disabled')) field.disabled = false;
});

// --- keyboard

document.addEventListener('keydown', event => {
  if (event.metaKey || event.ctrlKey || event.altKey || event.defaultPrevented) return;
  const isTyping = event.target.matches('input, textarea, select');
  if (event.key === 'Escape' && event.target.matches('input[type=search]')) {
    event.target.blur();
    return;
  }
  if (isTyping || document.querySelector(':popover-open')) return;
  if (event.key === '/') {
    const search = document.querySelector('[data-search], [data-find]:not([hidden])');
    if (!search) return;
    event.preventDefault();
    search.focus();
    search.select?.();
  } else if (event.key === 'j' || event.key === 'k') {
    moveBy(event.key === 'j' ? 1 : -1);
  }
});

function moveBy(step) {
  const rows = [...document.querySelectorAll('[data-row]')];
  const at = rows.findIndex(row => row.contains(document.activeElement));
  const next = rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + step, 0), rows.length - 1)];
  const link = next?.querySelector('a');
  link?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}

// --- copying, closing, finding

document.addEventListener('click', async event => {
  const close = event.target.closest('[data-close]');
  if (close) close.closest('[popover]').hidePopover();
  const copy = event.target.closest('[data-copy]');
  if (!copy) return;
  const source = document.getElementById(copy.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
    say(copy, 'Copied');
  } catch {
    // The clipboard API requires HTTPS. Without it, select the text, so that the user can copy it.
    getSelection().selectAllChildren(source);
    say(copy, 'Selected');
  }
});

function say(button, word) {
  const label = button.textContent;
  if (label === word) return;
  button.textContent = word;
  notice.textContent = word;
  setTimeout(() => {
    button.textContent = label;
    notice.textContent = '';
  }, 1500);
}

document.addEventListener('input', event => {
  const field = event.target.closest('[data-find]');
  if (field) find(document.getElementById(field.dataset.find), field.value.trim().toLowerCase());
});

// Hides leaves that do not match, and opens the parents of those that match.
function find(tree, text) {
  for (const part of tree.querySelectorAll('[data-found]')) part.removeAttribute('data-found');
  tree.toggleAttribute('data-finding', text !== '');
  if (text === '') return;
  for (const part of tree.querySelectorAll('.leaf, summary')) {
    if (!part.textContent.toLowerCase().includes(text)) continue;
    for (let up = part; up !== tree; up = up.parentElement) {
      up.setAttribute('data-found', '');
      if (up.nodeName === 'DETAILS') up.open = true;
    }
  }
}

function enliven() {
  for (const button of document.querySelectorAll('[data-copy], [data-find]')) button.hidden = false;
}

enliven();
