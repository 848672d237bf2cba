// Improves pages that work without it: moves the focus to faults, searches without a full load, keeps what is written,
// follows what changes by itself, copies code, shows how far an upload is.
(() => {
  "use strict";
  const english = document.documentElement.lang === "en";
  const say = (zh, en) => (english ? en : zh);

  function begin(root) {
    root.querySelectorAll("[data-focus]").forEach(element => element.focus());
    root.querySelectorAll(".copy").forEach(block => {
      const code = block.querySelector("pre");
      if (!code || block.querySelector("button") || !navigator.clipboard) return;
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = say("复制", "Copy");
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = say("已复制", "Copied");
      });
      block.append(button);
    });
    root.querySelectorAll("form[data-search]").forEach(searchWithoutLoading);
    root.querySelectorAll("form[data-save]").forEach(keepWhatIsWritten);
    root.querySelectorAll("form[data-upload]").forEach(showProgress);
    root.querySelectorAll("[data-digest]").forEach(computeDigest);
    root.querySelectorAll("form[data-check]").forEach(checkWhileWriting);
  }

  // Another page's <main> in place of this one's.
  async function show(address, remember) {
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("main");
    if (!answer.ok || !fresh) { location.assign(address); return; }
    const focused = document.activeElement?.id;
    document.querySelectorAll("main details[open][id]").forEach(opened => { const same = fresh.querySelector(`#${CSS.escape(opened.id)}`); if (same) same.open = true; });
    document.querySelector("main").replaceWith(fresh);
    document.title = page.title;
    if (remember) history.pushState({ portal: true }, "", address);
    begin(fresh);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  function searchWithoutLoading(form) {
    form.addEventListener("change", event => { if (event.target.matches("[type=checkbox], select")) form.requestSubmit(); });
    form.addEventListener("submit", event => {
      event.preventDefault();
      const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
      show(`${form.getAttribute("action")}?${query}`, true);
    });
  }
  window.addEventListener("popstate", () => { if (document.querySelector("form[data-search]")) show(location.href, false); });

  // What is written is kept a moment after the last key, so that a closed window loses nothing.
  function keepWhatIsWritten(form) {
    let waiting;
    const status = form.querySelector("[data-saved]");
    const save = async () => {
      const fields = new FormData(form);
      fields.append("_keep", "1");
      const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(fields), headers: { Accept: "text/html" }, redirect: "manual" }).catch(() => null);
      if (status) status.textContent = answer && answer.status === 204 ? say("已自动保存", "Saved") : say("暂未保存，请点击“继续”保存", "Not saved yet: use Continue");
    };
    form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(save, 800); });
    form.addEventListener("submit", () => clearTimeout(waiting));
  }

  // What is wrong is shown at a field once its writer has been there; nothing is kept.
  function checkWhileWriting(form) {
    const been = new Set();
    const status = form.querySelector("[data-checked]");
    let waiting, asked = 0;
    const mark = (field, message) => {
      const place = field.closest(".group") ?? field.parentElement;
      let error = document.getElementById(`${field.id}-error`);
      place.classList.toggle("wrong", Boolean(message));
      if (!message) { field.removeAttribute("aria-invalid"); error?.remove(); return; }
      field.setAttribute("aria-invalid", "true");
      if (!error) {
        error = document.createElement("p");
        error.className = "error"; error.id = `${field.id}-error`;
        if (place.tagName === "TD") place.append(error); else field.before(error);
      }
      error.textContent = message;
    };
    const check = async () => {
      const mine = ++asked;
      const fields = new FormData(form);
      fields.append("_check", "1");
      const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(fields), headers: { Accept: "application/json" }, redirect: "manual" }).catch(() => null);
      if (mine !== asked || !answer || !answer.ok) return;
      const faults = await answer.json();
      const told = new Map();
      faults.forEach(fault => told.set(fault.field, told.has(fault.field) ? `${told.get(fault.field)} ${fault.message}` : fault.message));
      been.forEach(id => { const field = document.getElementById(id); if (field) mark(field, told.get(id)); });
      if (status) status.textContent = faults.length ? say(`还有 ${faults.length} 处需要填写或更正`, `${faults.length} more to fill in or mend`) : say("检查通过，可以保存", "All is right: it can be kept");
    };
    form.addEventListener("change", event => { if (event.target.id) been.add(event.target.id); });
    form.addEventListener("focusout", event => { if (event.target.id && event.target.value) been.add(event.target.id); });
    form.addEventListener("input", event => { if (event.target.id) been.add(event.target.id); clearTimeout(waiting); waiting = setTimeout(check, 500); });
    form.addEventListener("submit", () => { clearTimeout(waiting); asked++; });
  }

  function showProgress(form) {
    form.addEventListener("submit", event => {
      const bar = form.querySelector("progress");
      if (!bar) return;
      event.preventDefault();
      bar.hidden = false;
      const request = new XMLHttpRequest();
      request.open("POST", form.action);
      request.setRequestHeader("Accept", "text/html");
      request.setRequestHeader("Form-Token", form.querySelector("[name=_token]").value);
      request.upload.addEventListener("progress", step => { if (step.lengthComputable) { bar.max = step.total; bar.value = step.loaded; } });
      request.addEventListener("load", () => {
        if (request.responseURL && request.responseURL !== form.action && request.status < 400) { location.assign(request.responseURL); return; }
        const page = new DOMParser().parseFromString(request.responseText, "text/html");
        const fresh = page.querySelector("main");
        if (fresh) { document.querySelector("main").replaceWith(fresh); document.title = page.title; begin(fresh); }
      });
      request.addEventListener("error", () => { bar.hidden = true; form.submit(); });
      request.send(new FormData(form));
    });
  }

  // SHA-256 of a file that was received, computed here; it is not sent anywhere.
  function computeDigest(group) {
    if (!window.crypto?.subtle) return;
    group.hidden = false;
    group.querySelector("input").addEventListener("change", async event => {
      const [file] = event.target.files;
      if (!file) return;
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
      document.getElementById("sha256").value = [...digest].map(byte => byte.toString(16).padStart(2, "0")).join("");
      document.getElementById("bytes").value = file.size;
    });
  }

  // Tells when what the page shows is another now. While somebody writes in it, it only says so. A hidden page does not listen: browsers allow few connections to one host.
  const followed = document.querySelector("main[data-live]")?.dataset.live;
  let events;
  function follow() {
    events?.close();
    if (document.hidden) return;
    events = new EventSource(followed);
    events.addEventListener("changed", news);
  }
  function isWritten(field) {
    if (field.matches("[type=checkbox], [type=radio]")) return field.checked !== field.defaultChecked;
    if (field.tagName !== "SELECT") return field.value !== field.defaultValue;
    const first = Math.max(0, [...field.options].findIndex(option => option.defaultSelected));
    return !field.multiple && field.selectedIndex !== first;
  }
  function news() {
    const main = document.querySelector("main");
    // What was sent and has faults is nowhere but on this page.
    const writing = main.querySelector("form[method=post] :is(input:not([type=hidden]), textarea, select):focus, .error-summary")
      || [...main.querySelectorAll("form[method=post] :is(textarea, input:not([type=hidden]), select)")].some(isWritten);
    if (!writing) { show(location.href, false); return; }
    if (main.querySelector("[data-news]")) return;
    const said = document.createElement("div");
    said.className = "notice"; said.dataset.news = ""; said.setAttribute("role", "status");
    said.textContent = say("此页内容已有更新，提交前请核对。", "What this page shows has changed; check before you send.");
    main.prepend(said);
  }
  if (followed && window.EventSource) {
    follow();
    document.addEventListener("visibilitychange", () => { if (!document.hidden) news(); follow(); });
    window.addEventListener("pagehide", () => events?.close());
  }

  begin(document);
})();
