// The chat page: people side by side, each talking to the bot that runs on this machine.

const one = (selector, within = document) => within.querySelector(selector);
const narrow = matchMedia("(max-width: 819px)");
const still = matchMedia("(prefers-reduced-motion: reduce)");
const clockwise = { hour: "2-digit", minute: "2-digit" };

const ICONS = {
  add: "M12 5v14M5 12h14",
  attach: "M20 11.5l-7.8 7.8a5 5 0 0 1-7.1-7.1l8.2-8.2a3.4 3.4 0 0 1 4.8 4.8l-8.1 8.1a1.7 1.7 0 0 1-2.4-2.4l7.4-7.4",
  send: "M12 19V5M6 11l6-6 6 6",
  back: "M15 5l-7 7 7 7",
  more: "M12 5.5v.01M12 12v.01M12 18.5v.01",
  edit: "M4 20l1-4L16 5l3 3L8 19z",
  close: "M6 6l12 12M18 6L6 18",
  theme: "M12 3a9 9 0 1 0 9 9 7 7 0 0 1-9-9z",
  file: "M12 4v12M7 11l5 5 5-5M5 20h14",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  out: "M8 16L17 7M9 7h8v8",
  beside: "M4 5h16v14H4zM12 5v14",
  down: "M6 10l6 6 6-6",
  keys: "M3 6h18v12H3zM7 10h.01M12 10h.01M17 10h.01M8 14h8",
  bot: "M5 7h14a2 2 0 0 1 2 2v6a2 2 0 0 1-2 2h-6l-4.5 3.5V17H5a2 2 0 0 1-2-2V9a2 2 0 0 1 2-2z",
};

function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

// Text only ever becomes text nodes; nothing a bot or a person wrote is read as HTML.
function make(tag, traits = {}, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(traits)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else element.setAttribute(name, value);
  }
  element.append(...inside.filter((part) => part !== null && part !== undefined));
  return element;
}

function iconButton(name, label, onclick, traits = {}) {
  return make("button", { type: "button", "aria-label": label, title: label, onclick, ...traits, class: `icon ${traits.class ?? ""}` }, icon(name));
}

async function ask(path, body) {
  const answer = await fetch(path, body === undefined ? {} : {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told?.error ?? answer.statusText);
  return told;
}

// --- what is remembered in this browser

const kept = {
  get: (name) => { try { return JSON.parse(localStorage.getItem(name)); } catch { return null; } },
  set: (name, value) => { try { localStorage.setItem(name, JSON.stringify(value)); } catch { /* private window */ } },
};

const dark = matchMedia("(prefers-color-scheme: dark)");
function dress() {
  document.documentElement.dataset.theme = kept.get("theme") ?? (dark.matches ? "dark" : "light");
}
dark.addEventListener("change", dress);
one("#theme").append(icon("theme"));
one("#theme").addEventListener("click", () => {
  kept.set("theme", document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  dress();
});
dress();

// --- time

let shift = 0; // this place's clock minus the browser's, in milliseconds
const nowHere = () => new Date(Date.now() + shift);

function setClock(seconds) {
  shift = seconds * 1000 - Date.now();
  showClock();
}

function showClock() {
  const now = nowHere();
  const day = now.toLocaleDateString([], { weekday: "short", day: "numeric", month: "short" });
  const shown = one("#now");
  const text = now.toLocaleTimeString([], clockwise);
  if (shown.textContent !== text) shown.textContent = text;
  one("#weekday").textContent = narrow.matches ? now.toLocaleDateString([], { weekday: "short" }) : day;
  shown.dateTime = now.toISOString();
  const minutes = Math.round(shift / 60000);
  const [days, hours, rest] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24, minutes % 60];
  const parts = [[days, "d"], [hours, "h"], [rest, "min"]].filter(([count]) => count).map(([count, unit]) => `${count} ${unit}`);
  one("#ahead").textContent = minutes > 0 ? `${parts.join(" ")} ahead` : "";
}
setInterval(showClock, 1000);

one("#skips").addEventListener("click", async (event) => {
  const wanted = event.target.dataset?.skip;
  if (!wanted) return;
  let seconds = Number(wanted);
  if (wanted === "morning") {
    const morning = nowHere();
    morning.setHours(8, 0, 0, 0);
    if (morning <= nowHere()) morning.setDate(morning.getDate() + 1);
    seconds = (morning - nowHere()) / 1000;
  }
  setClock((await ask("/page/skip", { seconds })).now);
});

// --- formatted text

function stamp(entity, text) {
  const moment = new Date(entity.unix_time * 1000);
  const shape = entity.date_time_format ?? "";
  const spelled = moment.toLocaleString([], { dateStyle: "full", timeStyle: "short" });
  let shown = text;
  if (shape === "r") shown = relative(moment);
  else if (shape) {
    const wanted = {};
    if (shape.includes("w")) wanted.weekday = "short";
    if (shape.includes("d")) Object.assign(wanted, { day: "2-digit", month: "2-digit", year: "2-digit" });
    if (shape.includes("D")) Object.assign(wanted, { day: "numeric", month: "long", year: "numeric" });
    if (/[tT]/.test(shape)) Object.assign(wanted, clockwise);
    if (shape.includes("T")) wanted.second = "2-digit";
    shown = moment.toLocaleString([], wanted);
  }
  return make("time", { datetime: moment.toISOString(), title: spelled }, shown);
}

function relative(moment) {
  const seconds = (moment - nowHere()) / 1000;
  const words = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
  for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (Math.abs(seconds) >= size) return words.format(Math.round(seconds / size), unit);
  }
  return words.format(Math.round(seconds), "second");
}

function link(href, inside) {
  const safe = /^(https?|mailto):/i.test(href);
  return make("a", safe ? { href, target: "_blank", rel: "noopener noreferrer" } : {}, ...inside);
}

function dressed(entity, text, inside, chat) {
  switch (entity.type) {
    case "bold": return make("b", {}, ...inside);
    case "italic": return make("i", {}, ...inside);
    case "underline": return make("u", {}, ...inside);
    case "strikethrough": return make("s", {}, ...inside);
    case "code": return make("code", {}, ...inside);
    case "pre": return make("pre", {}, ...inside);
    case "blockquote": return make("blockquote", {}, ...inside);
    case "expandable_blockquote":
      return make("blockquote", { class: "folded", onclick: (event) => event.currentTarget.classList.toggle("folded") }, ...inside);
    case "spoiler": {
      const cover = make("span", { class: "spoiler", role: "button", tabindex: "0", "aria-label": "Hidden text, press to show" }, ...inside);
      const open = () => { cover.classList.add("open"); cover.removeAttribute("role"); cover.removeAttribute("aria-label"); };
      cover.addEventListener("click", open);
      cover.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(); } });
      return cover;
    }
    case "text_link": return link(entity.url, inside);
    case "url": return link(text, inside);
    case "date_time": return stamp(entity, text);
    case "bot_command":
      return make("button", { type: "button", class: "link", onclick: () => chat.say(text) }, ...inside);
    default: return make("span", {}, ...inside);
  }
}

// Telegram counts in UTF-16 units, and so do JavaScript's strings.
function written(text, entities, chat, from = 0, to = text.length) {
  const parts = [];
  let at = from;
  for (let index = 0; index < entities.length; index += 1) {
    const entity = entities[index];
    const end = Math.min(entity.offset + entity.length, to);
    if (entity.offset < at || end <= entity.offset) continue;
    if (entity.offset > at) parts.push(text.slice(at, entity.offset));
    const inner = entities.slice(index + 1).filter((other) => other.offset >= entity.offset && other.offset + other.length <= end);
    parts.push(dressed(entity, text.slice(entity.offset, end), written(text, inner, chat, entity.offset, end), chat));
    at = end;
  }
  if (at < to) parts.push(text.slice(at, to));
  return parts;
}

// --- one message

function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1048576 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / 1048576).toFixed(1)} MB`;
}

function moving(animation) {
  const source = `/page/file/${animation.file_id}`;
  if (animation.mime_type?.startsWith("video/")) {
    const video = make("video", { src: source, loop: true, playsinline: true, controls: still.matches, autoplay: !still.matches, "aria-label": "Animation" });
    video.muted = true;
    return video;
  }
  const image = make("img", { src: source, alt: "Animation" });
  if (!still.matches) return image;
  const play = make("button", { type: "button", class: "still", onclick: () => play.replaceWith(image) }, "Play the animation");
  return play;
}

function body(message, chat) {
  const parts = [];
  let media = true;
  if (message.photo) {
    const photo = message.photo.at(-1);
    const source = `/page/file/${photo.file_id}`;
    parts.push(make("a", { class: "picture", href: source, target: "_blank", "aria-label": "Open the picture" },
      make("img", { src: source, width: photo.width, height: photo.height, alt: message.caption ?? "Picture" })));
  } else if (message.animation) {
    parts.push(make("div", { class: "picture" }, moving(message.animation)));
  } else if (message.document) {
    const file = message.document;
    parts.push(make("a", { class: "file", href: `/page/file/${file.file_id}`, download: file.file_name ?? true },
      make("span", {}, icon("file")),
      make("span", {}, file.file_name ?? "File", make("small", {}, size(file.file_size ?? 0)))));
  } else {
    media = false;
  }
  const text = message.text ?? message.caption;
  if (text !== undefined) {
    const inside = written(text, message.entities ?? message.caption_entities ?? [], chat);
    parts.push(make("div", { class: "words" }, ...inside));
  } else if (message.sticker) {
    parts.push(make("div", { class: "sticker", "aria-label": "Sticker" }, message.sticker.emoji ?? "🌿"));
  } else if (!media) {
    const kind = ["voice", "location", "contact", "poll", "story"].find((name) => message[name]) ?? "message";
    const names = { voice: "Voice message", location: "Location", contact: "Contact", poll: "Poll", story: "Story" };
    parts.push(make("div", { class: "other" }, names[kind] ?? "Something else"));
  }
  return [parts, media];
}

function bubble(message, chat) {
  const [parts, media] = body(message, chat);
  const date = new Date(message.date * 1000);
  const meta = make("span", { class: "meta" },
    message.mine && message.text !== undefined && !message.forward_origin
      ? make("button", { type: "button", "aria-label": "Edit this message", title: "Edit", onclick: () => chat.edit(message) }, icon("edit")) : null,
    message.edit_date ? make("span", {}, "edited") : null,
    make("time", { datetime: date.toISOString() }, date.toLocaleTimeString([], clockwise)));
  const words = parts.at(-1);
  if (words?.classList.contains("words")) words.append(meta); else parts.push(meta);
  const quoted = message.reply_to_message;
  return make("div", { class: `turn${message.mine ? " mine" : ""}`, "data-id": message.message_id },
    make("div", { class: `bubble${media ? " media" : ""}` },
      make("span", { class: "sr" }, message.mine ? "You: " : "Bot: "),
      message.forward_origin ? make("div", { class: "from" }, `Forwarded from ${message.forward_origin.sender_user?.first_name ?? "someone"}`) : null,
      quoted ? make("div", { class: "quote" }, quoted.text ?? quoted.caption ?? "Message") : null,
      ...parts),
    message.reply_markup?.inline_keyboard ? keys(message, chat) : null);
}

function keys(message, chat) {
  const rows = message.reply_markup.inline_keyboard.map((row) =>
    make("div", { class: `row${row.length > 5 ? " many" : ""}` }, ...row.map((button) => key(button, message, chat))));
  return make("div", { class: "keys", role: "group", "aria-label": "Answers" }, ...rows);
}

function key(button, message, chat) {
  const label = make("span", { class: "label" }, button.text);
  const corner = (name) => make("span", { class: "corner" }, icon(name));
  if (button.url) {
    const anchor = link(button.url, [label, corner("out")]);
    anchor.title = button.url;
    return anchor;
  }
  if (button.copy_text) {
    const copy = async () => {
      try { await navigator.clipboard.writeText(button.copy_text.text); chat.toast("Copied"); }
      catch { chat.toast("This browser does not let the page copy"); }
    };
    return make("button", { type: "button", title: button.copy_text.text, onclick: copy }, label, corner("copy"));
  }
  const press = (event) => {
    const pressed = event.currentTarget;
    pressed.classList.add("waits");
    pressed.setAttribute("aria-busy", "true");
    chat.act("tap", { message: message.message_id, data: button.callback_data });
  };
  const tone = ["primary", "success", "danger"].find((name) => name === button.style);
  return make("button", { type: "button", class: tone, title: button.text, disabled: button.callback_data === undefined, onclick: press }, label);
}

// --- one chat

const dayOf = (seconds) => new Date(seconds * 1000).toDateString();

function dayName(seconds) {
  const date = new Date(seconds * 1000);
  const ago = Math.round((new Date(nowHere().toDateString()) - new Date(date.toDateString())) / 86400000);
  if (ago === 0) return "Today";
  if (ago === 1) return "Yesterday";
  return date.toLocaleDateString([], { weekday: "long", day: "numeric", month: "long" });
}

class Chat {
  constructor(id) {
    this.id = id;
    this.messages = new Map();
    this.turns = new Map();
    this.days = new Map();
    this.revision = 0;
    this.told = null;
    this.editing = null;
    this.stuck = true;
    this.build();
    this.refresh();
  }

  build() {
    this.title = make("h2");
    this.state = make("p");
    this.headMenu = make("div", { class: "menu", role: "menu", hidden: true });
    this.more = iconButton("more", "More", () => this.openHeadMenu(), { "aria-haspopup": "menu", class: "more" });
    this.header = make("header", {},
      iconButton("back", "All people", () => show("people"), { class: "back" }),
      make("span", { class: "face", "aria-hidden": "true" }, icon("bot")),
      make("div", { class: "who" }, this.title, this.state), this.more,
      iconButton("close", "Close this column", () => closeChat(this.id), { class: "shut only-wide" }), this.headMenu);
    this.log = make("div", { class: "log", role: "log", "aria-live": "polite", "aria-label": "Messages", tabindex: "-1" });
    this.scroll = make("div", { class: "scroll", tabindex: "-1" }, this.log);
    this.scroll.addEventListener("scroll", () => this.scrolled(), { passive: true });
    new ResizeObserver(() => this.settle()).observe(this.log);
    new ResizeObserver(() => this.settle()).observe(this.scroll);
    this.dots = make("div", { class: "turn" }, make("div", { class: "bubble dots", "aria-hidden": "true" }, make("i"), make("i"), make("i")));
    this.toasts = make("div", { class: "toasts", role: "status", "aria-live": "polite" });
    this.buildFoot();
    this.element = make("section", { class: "chat", "aria-label": "Chat" }, this.header, this.scroll, this.foot, this.toasts);
    this.acceptDrops();
  }

  buildFoot() {
    this.down = iconButton("down", "To the newest message", () => { this.stuck = true; this.settle(); }, { class: "down", hidden: true });
    this.field = make("textarea", { rows: "1", placeholder: "Message", "aria-label": "Message", enterkeyhint: "send", maxlength: "20000" });
    this.field.addEventListener("keydown", (event) => this.typed(event));
    this.field.addEventListener("input", () => this.suggest());
    this.file = make("input", { type: "file", class: "sr", onchange: () => this.upload(this.file.files) });
    this.slash = make("button", { type: "button", class: "icon slash", "aria-label": "Commands", title: "Commands", "aria-haspopup": "menu", onclick: () => this.toggle(this.commandMenu, () => this.fillCommands("")) }, "/");
    this.boardButton = iconButton("keys", "Show or hide the keyboard", () => { this.boardShut = !this.boardShut; this.showBoard(); }, { hidden: true });
    this.commandMenu = make("div", { class: "menu", role: "menu", "aria-label": "Commands", hidden: true });
    this.attachMenu = make("div", { class: "menu", role: "menu", "aria-label": "Send something else", hidden: true }, ...this.attachments());
    this.editBar = make("div", { class: "editing", hidden: true });
    this.composer = make("form", { class: "compose", onsubmit: (event) => { event.preventDefault(); this.submit(); } },
      iconButton("attach", "Send something else", () => this.toggle(this.attachMenu), { "aria-haspopup": "menu" }),
      this.slash, this.field, this.boardButton,
      make("button", { type: "submit", class: "icon send", "aria-label": "Send", title: "Send" }, icon("send")));
    this.whole = make("button", { type: "button", class: "whole", hidden: true });
    this.note = make("p", { class: "note", hidden: true }, "This person has blocked the bot.");
    this.board = make("div", { class: "board", role: "group", "aria-label": "Keyboard", hidden: true });
    this.foot = make("div", { class: "foot" }, this.down, this.commandMenu, this.attachMenu, this.editBar, this.note, this.composer, this.whole, this.board, this.file);
  }

  attachments() {
    const entry = (label, act) => make("button", { type: "button", role: "menuitem", onclick: () => { this.shutMenus(); act(); } }, label);
    const kinds = [["photo", "Picture"], ["voice", "Voice message"], ["sticker", "Sticker"], ["location", "Location"], ["contact", "Contact"], ["poll", "Poll"], ["story", "Story"], ["forward", "Forwarded message"]];
    return [
      entry("A file of yours…", () => this.file.click()),
      make("h3", {}, "An example of"),
      ...kinds.map(([kind, label]) => entry(label, () => this.act("odd", { kind }))),
    ];
  }

  acceptDrops() {
    this.element.addEventListener("dragover", (event) => { event.preventDefault(); this.element.classList.add("drop"); });
    this.element.addEventListener("dragleave", (event) => { if (!this.element.contains(event.relatedTarget)) this.element.classList.remove("drop"); });
    this.element.addEventListener("drop", (event) => {
      event.preventDefault();
      this.element.classList.remove("drop");
      this.upload(event.dataTransfer.files);
    });
  }

  // --- what the person does

  async act(name, more) {
    try { await ask(`/page/${name}`, { chat: this.id, ...more }); } catch (error) { this.toast(error.message); }
  }

  say(text) {
    this.stuck = true;
    return this.act("send", { text });
  }

  submit() {
    const text = this.field.value.trim();
    if (!text) return;
    this.field.value = "";
    this.suggest();
    if (this.editing) {
      this.act("edit", { message: this.editing, text });
      this.stopEditing();
    } else this.say(text);
  }

  typed(event) {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.submit();
    } else if (event.key === "Escape") {
      if (this.editing) this.stopEditing();
      this.shutMenus();
    } else if (event.key === "ArrowUp" && !this.commandMenu.hidden) {
      event.preventDefault();
      this.commandMenu.lastElementChild?.focus();
    } else if (event.key === "ArrowUp" && !this.field.value) {
      const own = [...this.messages.values()].filter((message) => message.mine && message.text !== undefined && !message.forward_origin).at(-1);
      if (own) { event.preventDefault(); this.edit(own); }
    }
  }

  edit(message) {
    this.editing = message.message_id;
    this.editBar.replaceChildren(make("b", {}, "Edit"), make("span", {}, message.text), iconButton("close", "Stop editing", () => this.stopEditing()));
    this.editBar.hidden = false;
    this.field.value = message.text;
    this.field.focus();
    this.field.setSelectionRange(message.text.length, message.text.length);
  }

  stopEditing() {
    this.editing = null;
    this.editBar.hidden = true;
    this.field.value = "";
    this.field.focus();
  }

  async upload(files) {
    for (const file of files) {
      const query = new URLSearchParams({ chat: this.id, name: file.name });
      this.stuck = true;
      const answer = await fetch(`/page/upload?${query}`, { method: "POST", body: file });
      if (!answer.ok) this.toast((await answer.json()).error);
    }
    this.file.value = "";
  }

  // --- menus

  toggle(menu, fill = () => {}) {
    const open = menu.hidden;
    shutAllMenus();
    if (!open) return;
    fill();
    menu.hidden = false;
    one("button", menu)?.focus({ focusVisible: false });
  }

  shutMenus() {
    for (const menu of [this.commandMenu, this.attachMenu, this.headMenu]) menu.hidden = true;
  }

  fillCommands(begun) {
    const fitting = (this.told?.commands ?? []).filter(({ command }) => command.startsWith(begun));
    this.commandMenu.replaceChildren(...fitting.map(({ command, description }) =>
      make("button", { type: "button", role: "menuitem", onclick: () => { this.shutMenus(); this.field.value = ""; this.say(`/${command}`); this.field.focus(); } },
        make("b", {}, `/${command}`), make("span", {}, description))));
    return fitting.length;
  }

  suggest() {
    const found = /^\/([a-z0-9_]*)$/.exec(this.field.value);
    this.commandMenu.hidden = !(found && this.fillCommands(found[1]));
  }

  openHeadMenu() {
    this.toggle(this.headMenu, () => {
      const entry = (label, act, traits = {}) => make("button", { type: "button", role: "menuitem", ...traits, onclick: () => { this.shutMenus(); act(); } }, label);
      this.headMenu.replaceChildren(this.told.blocked
        ? entry("Unblock the bot", () => this.act("unblock"))
        : entry("Block the bot", () => this.act("block"), { class: "danger" }));
    });
  }

  // --- what the person sees

  async refresh() {
    if (this.asking) { this.again = true; return; }
    this.asking = true;
    try {
      do {
        this.again = false;
        this.take(await ask(`/page/chat/${this.id}?since=${this.revision}`));
      } while (this.again);
    } catch { /* the live stream asks again once the server is back */ } finally { this.asking = false; }
  }

  reload() {
    this.revision = 0;
    this.refresh();
  }

  take(told) {
    if (told.revision < this.revision) { this.revision = 0; this.again = true; return; }
    this.told = told;
    this.revision = told.revision;
    setClock(told.now);
    const there = new Set(told.ids);
    for (const id of this.messages.keys()) if (!there.has(id)) { this.messages.delete(id); this.turns.get(id)?.remove(); this.turns.delete(id); }
    for (const message of told.bubbles) this.put(message);
    this.arrange(told);
    this.showFrame(told);
    if (told.typing > 0) this.busy(told.typing); else this.idle();
    this.settle();
  }

  put(message) {
    const id = message.message_id;
    const before = this.turns.get(id);
    if (before && JSON.stringify(this.messages.get(id)) === JSON.stringify(message)) return;
    const turn = bubble(message, this);
    this.messages.set(id, message);
    this.turns.set(id, turn);
    if (!before) return;
    const held = before.contains(document.activeElement);
    before.replaceWith(turn);
    // The tapped button is often gone now; whoever uses the keyboard should not be thrown out.
    if (held) (one(".keys button", turn) ?? this.scroll).focus({ preventScroll: true });
  }

  arrange(told) {
    const wanted = [];
    const days = new Map();
    let last = null;
    for (const id of told.ids) {
      const message = this.messages.get(id);
      if (!message) continue;
      const day = dayOf(message.date);
      if (!last || dayOf(last.date) !== day) {
        const mark = this.days.get(day) ?? make("div", { class: "day" });
        const name = dayName(message.date);
        if (mark.textContent !== name) mark.textContent = name;
        days.set(day, mark);
        wanted.push(mark);
      }
      const turn = this.turns.get(id);
      turn.classList.toggle("same", Boolean(last) && last.mine === message.mine && dayOf(last.date) === day);
      wanted.push(turn);
      last = message;
    }
    if (!wanted.length) wanted.push(this.welcome());
    this.days = days;
    const keep = new Set(wanted);
    for (const child of [...this.log.children]) if (!keep.has(child) && child !== this.dots) child.remove();
    let next = this.log.firstChild;
    for (const element of wanted) {
      if (element === next) next = next.nextSibling;
      else this.log.insertBefore(element, next);
    }
  }

  welcome() {
    return make("div", { class: "welcome" },
      make("span", { class: "face", "aria-hidden": "true" }, icon("bot")),
      make("h3", {}, place.bot.name),
      make("p", {}, place.bot.description || "Nothing said yet."));
  }

  showFrame(told) {
    this.title.textContent = place.bot.name;
    this.element.setAttribute("aria-label", `Chat of ${told.name} with ${place.bot.name}`);
    const fresh = !told.started;
    this.composer.hidden = fresh || told.blocked;
    this.note.hidden = !told.blocked;
    this.whole.hidden = !(fresh || told.blocked);
    this.whole.textContent = told.blocked ? "UNBLOCK" : "START";
    this.whole.onclick = () => (told.blocked ? this.act("unblock") : this.say("/start"));
    this.slash.hidden = !told.commands.length;
    const layout = JSON.stringify(told.keyboard);
    if (layout !== this.layout) { this.layout = layout; this.boardShut = false; this.fillBoard(told.keyboard); }
    this.showBoard();
  }

  fillBoard(keyboard) {
    this.board.replaceChildren(...(keyboard?.keyboard ?? []).map((row) => make("div", { class: "row" }, ...row.map(({ text }) =>
      make("button", { type: "button", title: text, onclick: () => { if (keyboard.one_time_keyboard) { this.boardShut = true; this.showBoard(); } this.say(text); } }, make("span", { class: "label" }, text))))));
    this.field.placeholder = keyboard?.input_field_placeholder ?? "Message";
  }

  showBoard() {
    const any = Boolean(this.told?.keyboard?.keyboard) && !this.composer.hidden;
    this.boardButton.hidden = !any;
    this.board.hidden = !any || this.boardShut;
  }

  busy(seconds) {
    clearTimeout(this.busyUntil);
    this.state.textContent = "typing…";
    this.state.classList.add("busy");
    this.log.append(this.dots);
    this.busyUntil = setTimeout(() => this.idle(), seconds * 1000);
    this.settle();
  }

  idle() {
    clearTimeout(this.busyUntil);
    this.dots.remove();
    this.state.textContent = this.told ? `with ${this.told.name}` : "";
    this.state.classList.remove("busy");
  }

  toast(text, alarm = false) {
    if (alarm) {
      one("#said").textContent = text;
      one("#alert").showModal();
      return;
    }
    const shown = make("p", {}, text);
    this.toasts.append(shown);
    setTimeout(() => shown.remove(), 1800 + 55 * text.length);
  }

  answered() {
    for (const button of this.log.querySelectorAll(".waits")) { button.classList.remove("waits"); button.removeAttribute("aria-busy"); }
  }

  scrolled() {
    const rest = this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight;
    this.stuck = rest < 80;
    this.down.hidden = rest < 300;
  }

  settle() {
    if (this.stuck) this.scroll.scrollTop = this.scroll.scrollHeight;
  }
}

// --- everyone

const place = { bot: { name: "Bot", description: "" }, chats: [] };
const open = new Map();
const unread = new Map();
let order = [];

function room() {
  return narrow.matches ? 1 : Math.max(1, Math.floor((innerWidth - 292) / 330));
}

function show(view) {
  one("#room").dataset.view = view;
}

function openChat(id, beside = false) {
  if (!order.includes(id)) order = beside ? [...order, id] : [id, ...order.slice(1)];
  else if (!beside) order = [id, ...order.filter((other) => other !== id)];
  order = beside ? order.slice(-room()) : order.slice(0, room());
  kept.set("open", order);
  unread.delete(id);
  layOut();
  show("chat");
  if (!narrow.matches) open.get(id).field.focus();
}

function closeChat(id) {
  order = order.filter((other) => other !== id);
  kept.set("open", order);
  layOut();
}

function layOut() {
  for (const [id, chat] of open) if (!order.includes(id)) { chat.element.remove(); open.delete(id); }
  for (const id of order) {
    if (!open.has(id)) open.set(id, new Chat(id));
  }
  const wanted = order.map((id) => open.get(id).element);
  wanted.forEach((element, index) => {
    const there = one("#chats").children[index];
    if (there !== element) one("#chats").insertBefore(element, there ?? null);
  });
  for (const id of order) one(".shut", open.get(id).element).hidden = order.length < 2;
  list();
}

function shortWhen(seconds) {
  const date = new Date(seconds * 1000);
  return dayOf(seconds) === nowHere().toDateString()
    ? date.toLocaleTimeString([], clockwise)
    : date.toLocaleDateString([], { day: "numeric", month: "short" });
}

function list() {
  const held = document.activeElement?.dataset?.person;
  one("#people").replaceChildren(...place.chats.map((chat, index) => {
    const count = unread.get(chat.id) ?? 0;
    const last = chat.blocked ? "Bot blocked" : chat.last ? (chat.mine ? `You: ${chat.last}` : chat.last) : "Not started yet";
    return make("li", {},
      make("button", { type: "button", class: "person", "data-person": String(chat.id), "aria-current": order.includes(chat.id) ? "true" : null, onclick: () => openChat(chat.id) },
        make("span", { class: `face c${index % 6}`, "aria-hidden": "true" }, [...chat.name][0]?.toUpperCase() ?? "?"),
        make("b", {}, chat.name),
        make("span", { class: "when" }, chat.date ? shortWhen(chat.date) : ""),
        make("span", { class: "last" }, last),
        count ? make("span", { class: "unread", "aria-label": `${count} new` }, String(count)) : null),
      order.includes(chat.id) || order.length >= room() ? null : iconButton("beside", `Open ${chat.name} beside`, () => openChat(chat.id, true), { class: "beside" }));
  }));
  if (held) one(`[data-person="${held}"]`)?.focus({ preventScroll: true });
}

let looking = null;
async function look() {
  const told = await ask("/page/state");
  Object.assign(place, told);
  document.title = place.bot.name;
  one("#skips").hidden = !told.skippable;
  setClock(told.now);
  list();
}

function lookSoon() {
  looking ??= setTimeout(() => { looking = null; look().catch(() => {}); }, 60);
}

one("#join .icon").append(icon("add"));
one("#join").addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = one("#name").value.trim();
  if (!name) return;
  one("#name").value = "";
  const { id } = await ask("/page/join", { name });
  await look();
  openChat(id, !narrow.matches && order.length < room());
});

function shutAllMenus() {
  for (const chat of open.values()) chat.shutMenus();
}
document.addEventListener("pointerdown", (event) => {
  if (!event.target.closest(".menu, [aria-haspopup]")) shutAllMenus();
});
document.addEventListener("keydown", (event) => {
  const menu = document.activeElement?.closest?.(".menu");
  if (event.key === "Escape") {
    shutAllMenus();
    if (menu) open.get(order[0])?.field.focus();
  }
  if (menu && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    const entries = [...menu.querySelectorAll("button")];
    const at = entries.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
    entries.at(at % entries.length)?.focus();
  }
});
addEventListener("resize", () => { if (order.length > room()) { order = order.slice(0, room()); layOut(); } else list(); });

// --- live

function changed(told) {
  const chat = open.get(told.chat);
  switch (told.kind) {
    case "hello":
      one("#offline").hidden = true;
      for (const each of open.values()) each.reload();
      break;
    case "face":
      for (const each of open.values()) each.refresh();
      break;
    case "toast":
      chat?.answered();
      chat?.toast(told.text, told.alert);
      return;
    case "answered":
      chat?.answered();
      return;
    case "message":
      if (!chat) unread.set(told.chat, (unread.get(told.chat) ?? 0) + 1);
      break;
    default:
  }
  chat?.refresh();
  lookSoon();
}

function listen() {
  const stream = new EventSource("/page/live");
  stream.onmessage = (event) => changed(JSON.parse(event.data));
  stream.onerror = () => {
    one("#offline").hidden = false;
    // A browser gives up for good on some errors; ask again ourselves then.
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 1000);
  };
}

async function begin() {
  await look();
  if (!place.chats.length) {
    await ask("/page/join", { name: "You" });
    await look();
  }
  const known = new Set(place.chats.map((chat) => chat.id));
  order = (kept.get("open") ?? []).filter((id) => known.has(id)).slice(0, room());
  if (!order.length) order = [place.chats[0].id];
  layOut();
  show("chat");
  listen();
}

begin().catch(() => { one("#offline").hidden = false; setTimeout(() => location.reload(), 2000); });
