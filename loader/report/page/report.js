// Adds the figures of the page up anew when a filter is set, and draws the charts. Without it, the
// page shows all figures of all accounts, as tables.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const accountField = document.getElementById("account");
  const currencyField = document.getElementById("currency");
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Amounts are integers in minor units, added up exactly.
  const shown = (minor, exponent) => {
    const digits = (minor < 0n ? -minor : minor).toString().padStart(exponent + 1, "0");
    const whole = digits.slice(0, digits.length - exponent).replace(/\B(?=(\d{3})+$)/g, ",");
    const sign = minor < 0n ? "-" : "";
    return sign + whole + (exponent ? "." + digits.slice(-exponent) : "");
  };
  const major = (minor, exponent) => Number(minor) / 10 ** exponent;

  const sumsOf = (currency, account) => {
    const sums = Object.fromEntries(data.figures.map((name) => [name, 0n]));
    for (const row of data.sums) {
      if (row[1] !== currency || (account !== null && row[0] !== account)) continue;
      data.figures.forEach((name, place) => { sums[name] += BigInt(row[place + 2]); });
    }
    return sums;
  };
  const hasMoney = (currency, account) =>
    account === null || data.sums.some((row) => row[1] === currency && row[0] === account);

  const barsOf = (sums) => {
    const bars = [];
    let standing = 0n;
    for (const [label, columns, sign, shownIfZero, isUnexplained] of data.bridge) {
      if (!columns.length) {
        bars.push({ label, start: 0n, end: standing, kind: "total" });
        continue;
      }
      const amount = BigInt(sign) * columns.reduce((sum, column) => sum + sums[column], 0n);
      const kind = isUnexplained ? "open" : amount < 0n ? "down" : "up";
      if (amount || shownIfZero) bars.push({ label, start: standing, end: standing + amount, kind });
      standing += amount;
    }
    return bars;
  };

  const colour = (kind) => `var(--${kind})`;

  const drawBridge = (place, currency, bars) => {
    const exponent = data.exponents[currency];
    const width = Math.max(280, place.clientWidth);
    const rows = bars.map((bar) => ({
      label: bar.label,
      from: major(bar.start, exponent),
      to: major(bar.end, exponent),
      kind: bar.kind,
      said: `${bar.label}: ${shown(bar.end - bar.start, exponent)}`,
    }));
    place.replaceChildren(Plot.plot({
      width,
      height: 24 * rows.length + 40,
      marginLeft: 155,
      marginRight: 20,
      ariaLabel: `Waterfall from the sales to the bank in ${currency.toUpperCase()}; the table below has its figures`,
      x: { label: null, ticks: width < 480 ? 3 : 6, tickFormat: "~s", grid: true },
      y: { label: null, domain: rows.map((row) => row.label), padding: 0.25 },
      marks: [
        Plot.barX(rows, { x1: "from", x2: "to", y: "label", fill: (row) => colour(row.kind), title: "said" }),
        // A bar of nothing is shown too: the difference above all.
        Plot.tickX(rows, { x: "to", y: "label", stroke: (row) => colour(row.kind), strokeWidth: 2 }),
        Plot.ruleX([0]),
      ],
    }));
  };

  const kinds = ["up", "in-transit", "open"];
  const drawDays = (place, currency, account) => {
    const exponent = data.exponents[currency];
    const byDay = new Map();
    for (const [owner, ofCurrency, day, ...amounts] of data.days) {
      if (ofCurrency !== currency || (account !== null && owner !== account)) continue;
      const sums = byDay.get(day) ?? amounts.map(() => 0);
      byDay.set(day, sums.map((sum, at) => sum + Number(amounts[at])));
    }
    const rows = [...byDay].flatMap(([day, sums]) =>
      sums.map((sum, at) => ({ day: new Date(day), kind: kinds[at], amount: sum / 10 ** exponent }))
    ).filter((row) => row.amount);
    if (!rows.length) {
      // The days of accounts with few payouts are held of all of them together.
      const isHeld = account === null || data.days.every((row) => row[0] !== -1);
      place.replaceChildren(isHeld ? "Nothing was expected." : "Not held for this account: see exports/fct_payout_reconciliation.csv.");
      return;
    }
    const width = Math.max(280, place.clientWidth);
    place.replaceChildren(Plot.plot({
      width,
      height: 240,
      marginLeft: 55,
      ariaLabel: `Expected at the bank by day in ${currency.toUpperCase()}`,
      x: { type: "utc", label: null, ticks: width < 480 ? 4 : 8 },
      y: { label: null, tickFormat: "~s", grid: true, ticks: 5 },
      marks: [
        Plot.rectY(rows, {
          x: "day", interval: d3.utcDay, y: "amount", fill: (row) => colour(row.kind), order: (row) => kinds.indexOf(row.kind),
          title: (row) => `${row.day.toISOString().slice(0, 10)}: ${row.amount.toLocaleString("en")}`,
        }),
        Plot.ruleY([0]),
      ],
    }));
  };

  const showAging = (section, currency, account) => {
    const exponent = data.exponents[currency];
    const found = new Map();
    for (const [owner, ofCurrency, type, bucket, count, amount] of data.aging) {
      if (ofCurrency !== currency || (account !== null && owner !== account)) continue;
      const [counted, summed] = found.get(`${type} ${bucket}`) ?? [0, 0n];
      found.set(`${type} ${bucket}`, [counted + count, summed + BigInt(amount)]);
    }
    for (const row of all("[data-type]", section)) {
      let any = false;
      for (const cell of all("[data-bucket]", row)) {
        const [count, amount] = found.get(`${row.dataset.type} ${cell.dataset.bucket}`) ?? [0, 0n];
        any ||= count > 0;
        if (!count) { cell.replaceChildren(); continue; }
        const money = Object.assign(document.createElement("span"), { className: "amount", textContent: shown(amount, exponent) });
        cell.replaceChildren(count.toLocaleString("en") + " ", money);
      }
      row.classList.toggle("off", !any);
    }
    all(".aging", section).forEach((table) => table.classList.toggle("off", !all("[data-type]:not(.off)", table).length));
  };

  const showFigures = (element, currency, sums) => {
    const exponent = data.exponents[currency];
    all("[data-figure]", element).forEach((cell) => { cell.textContent = shown(sums[cell.dataset.figure], 0); });
    all("[data-amount]", element).forEach((cell) => { cell.textContent = shown(sums[cell.dataset.amount], exponent); });
    all("[data-bad]", element).forEach((cell) => cell.classList.toggle("bad", sums[cell.dataset.bad] !== 0n));
  };

  const showBridge = (section, currency, sums) => {
    const exponent = data.exponents[currency];
    const rows = barsOf(sums).map(({ label, start, end, kind }) => {
      const row = document.createElement("tr");
      const isBad = kind === "open" && end !== start;
      row.className = (kind === "total" ? "total" : "") + (isBad ? " bad" : "");
      const head = Object.assign(document.createElement("th"), { scope: "row", textContent: label });
      const cell = Object.assign(document.createElement("td"), { textContent: shown(end - start, exponent) });
      row.append(head, cell);
      return row;
    });
    all(".bridge tbody", section).forEach((body) => body.replaceChildren(...rows));
  };

  // What the filters are set to. An account may be given by its id or its name.
  let account = null;
  const drawn = new WeakSet();
  const draw = (place) => {
    const { currency } = place.closest("[data-currency]").dataset;
    if (place.dataset.chart === "days") drawDays(place, currency, account);
    else drawBridge(place, currency, barsOf(sumsOf(currency, account)));
    drawn.add(place);
  };
  const inView = new IntersectionObserver((entries) => {
    entries.filter((entry) => entry.isIntersecting && !drawn.has(entry.target)).forEach((entry) => draw(entry.target));
  }, { rootMargin: "300px" });

  // Long lists show their first rows, and more when asked.
  const showPage = (list, wanted) => {
    const everyRow = [...list.children].filter((row) => row.classList.contains("filtered"));
    const rows = everyRow.filter((row) => !row.classList.contains("off"));
    everyRow.forEach((row) => row.classList.remove("beyond"));
    rows.slice(wanted).forEach((row) => row.classList.add("beyond"));
    const holder = list.closest(".scroll") ?? list;
    if (holder.nextElementSibling?.classList.contains("more")) holder.nextElementSibling.remove();
    const section = list.closest(".list");
    section.querySelector(".none")?.classList.toggle("off", rows.length > 0);
    const count = section.querySelector(".count");
    count.dataset.whole ??= count.textContent;
    count.textContent = rows.length < everyRow.length ? `${rows.length.toLocaleString("en")} of ${count.dataset.whole}` : count.dataset.whole;
    if (rows.length <= wanted) return;
    const more = Object.assign(document.createElement("button"), {
      type: "button", className: "more", textContent: `Show ${Math.min(wanted, rows.length - wanted)} more of ${rows.length.toLocaleString("en")}`,
    });
    more.addEventListener("click", () => {
      showPage(list, wanted * 2);
      rows[wanted].setAttribute("tabindex", "-1");
      rows[wanted].focus();
    });
    holder.after(more);
  };

  // An account is meant by its id, else by its name, if no other has it.
  const accountsMeant = (typed) => {
    const byId = data.accounts.findIndex(([id]) => id === typed);
    if (byId >= 0) return [byId];
    const same = (text) => (text ?? "").toLowerCase() === typed.toLowerCase();
    return data.accounts.flatMap(([id, name], place) => (same(name) || same(id) ? [place] : []));
  };
  const told = (typed, meant) => {
    if (!typed) return "";
    if (!meant.length) return "No account has this name or id; all are shown.";
    if (meant.length > 1) return `${meant.length} accounts have this name; all are shown. Choose one by its id: ${meant.map((place) => data.accounts[place][0]).join(", ")}.`;
    const [id, name] = data.accounts[meant[0]];
    return `Only ${name ?? id} (${id}). The verdict above is of all accounts.`;
  };

  const filter = () => {
    const typed = accountField.value.trim();
    const meant = typed ? accountsMeant(typed) : [];
    account = meant.length === 1 ? meant[0] : null;
    const accountId = account === null ? null : data.accounts[account][0];
    const currency = currencyField.value;
    for (const element of all(".sums")) {
      const its = element.dataset.currency;
      const isOff = (currency && currency !== its) || !hasMoney(its, account);
      element.classList.toggle("off", isOff);
      if (isOff) continue;
      const sums = sumsOf(its, account);
      showFigures(element, its, sums);
      if (!element.matches(".currency")) continue;
      showBridge(element, its, sums);
      showAging(element, its, account);
    }
    for (const element of all(".filtered")) {
      const { account: owner, currency: its } = element.dataset;
      element.classList.toggle("off", Boolean((accountId && owner !== accountId) || (currency && its && its !== currency)));
    }
    all("[data-paged]").forEach((list) => showPage(list, Number(list.dataset.paged)));
    all(".chart").forEach((place) => { drawn.delete(place); inView.unobserve(place); inView.observe(place); });
    document.getElementById("filtered").textContent = told(typed, meant) + (currency ? ` Only ${currency.toUpperCase()}.` : "");
  };

  const names = document.getElementById("account-names");
  names.append(...data.accounts.map(([id, name]) => Object.assign(document.createElement("option"), { value: id, label: name ?? id })));
  const form = document.getElementById("filters");
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  accountField.addEventListener("change", filter);
  currencyField.addEventListener("change", filter);
  // A link to a payout or an exception leads there even if it is beyond the first rows.
  const reveal = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (!target) return;
    if (target.classList.contains("beyond")) target.classList.remove("beyond");
    target.scrollIntoView();
  };
  window.addEventListener("hashchange", reveal);
  window.addEventListener("beforeprint", () => all(".chart").filter((place) => !drawn.has(place) && place.offsetParent).forEach(draw));
  let resized;
  window.addEventListener("resize", () => {
    clearTimeout(resized);
    resized = setTimeout(() => all(".chart").filter((place) => drawn.has(place)).forEach(draw), 150);
  });
  filter();
  reveal();
})();
