// The browser tracker of The Usual. Served by services/ingest/api/tracker.py without these comments and indents.
//
//   <script>window.usual=window.usual||function(){(usual.q=usual.q||[]).push(arguments)}</script>
//   <script async src="https://events.shop.example/v1/tracker.js" data-key="tk_..."></script>
//
// Nothing is stored or sent before usual('consent', {granted: true}). What is kept is in this site's own storage, under one
// name: the visitor's id, what was allowed, the account, and the calls that the door has not acknowledged yet.
(function (w, d) {
  var script = d.currentScript
  var url = new URL(script.src).origin + '/v1/batch'
  var writeKey = script.dataset.key
  var CONSENT = 'Segment Consent Preference Updated'
  var NAMES = {
    searched: 'Products Searched', viewed: 'Product Viewed', added: 'Product Added',
    removed: 'Product Removed', checkout: 'Checkout Started', ordered: 'Order Completed'
  }
  var MOST = 100, TOGETHER = 20
  var memory = { q: [] }, failures = 0, sending, timer, shown

  // Read anew each time: other tabs of this site change it too. Where storage is forbidden, this page's memory serves.
  // v: the visitor, c: what was allowed, u: the account, q: calls to send.
  function load() {
    try { return JSON.parse(localStorage.usual || '{"q":[]}') } catch (e) { return memory }
  }
  function save(state) {
    memory = state
    try {
      if (state.v || state.q[0]) localStorage.usual = JSON.stringify(state)
      else localStorage.removeItem('usual')
    } catch (e) {}
  }

  // Letters only: no id looks like the number of a card.
  function id() {
    return String.fromCharCode.apply(0, crypto.getRandomValues(new Uint8Array(24)).map(function (n) { return 97 + n % 26 }))
  }

  function add(state, call) {
    call.messageId = id()
    call.timestamp = new Date().toISOString()
    call.anonymousId = state.v
    if (state.u) call.userId = state.u
    // Full: the oldest goes, but for the first, which may be the consent.
    if (state.q.push(call) > MOST) state.q.splice(1, 1)
    save(state)
    send()
  }

  function call(message) {
    var state = load()
    if (state.v) add(state, message)
  }

  function next() {
    return load().q.slice(0, TOGETHER)
  }
  function body(batch) {
    return JSON.stringify({ writeKey: writeKey, sentAt: new Date().toISOString(), batch: batch })
  }

  // A text needs no preflight. What was refused for good would be refused again; all else comes again under the same ids.
  function send() {
    var batch = next()
    if (sending || timer || !batch[0]) return
    sending = 1
    fetch(url, { method: 'POST', body: body(batch), credentials: 'omit' }).then(function (answer) {
      var status = answer.status
      if (status == 408 || status == 429 || status > 499) throw +answer.headers.get('retry-after')
      failures = 0
      forget(batch)
      sending = 0
      send()
    }).catch(function (seconds) {
      sending = 0
      seconds = Math.max(+seconds || 0, Math.min(60, Math.pow(2, failures++)) * (.5 + Math.random() / 2))
      timer = setTimeout(function () { timer = 0; send() }, seconds * 1e3)
    })
  }
  function forget(batch) {
    var state = load()
    state.q = state.q.filter(function (call) {
      return !batch.some(function (sent) { return sent.messageId == call.messageId })
    })
    save(state)
  }

  function page(again) {
    // One turn later: scripts that change the address often change the title next.
    setTimeout(function () {
      var here = location.pathname + location.search
      if (!load().v || here == shown && !again) return
      var from = shown ? location.href : d.referrer
      shown = here
      call({ type: 'page', properties: {
        path: location.pathname, title: d.title.slice(0, 500), referrer: from && new URL(from).origin
      } })
    })
  }

  function consent(told) {
    var state = load()
    if (told.granted) {
      state.v = state.v || id()
      var purposes = { profiling: true }
      if ('personal_offers' in told) purposes.personal_offers = told.personal_offers
      var wanted = JSON.stringify(purposes)
      // Sites repeat the answer on every page; it is news only once.
      if (state.c != wanted) {
        state.c = wanted
        add(state, prefer(purposes))
      }
      page()
    } else if (state.v) {
      var refused = JSON.parse(state.c)
      for (var purpose in refused) refused[purpose] = false
      state.q = []
      add(state, prefer(refused))
      // Only the withdrawal itself stays, until the door has it.
      save({ q: load().q })
      shown = 0
    }
  }
  function prefer(purposes) {
    return { type: 'track', event: CONSENT, context: { consent: { categoryPreferences: purposes } } }
  }

  function usual(name, a, b) {
    if (name == 'consent') consent(a)
    else if (name == 'page') page(1)
    else if (name == 'identify') {
      var state = load()
      if (!state.v) return
      state.u = a
      add(state, { type: 'identify', traits: b || {} })
    } else call({ type: 'track', event: NAMES[name] || a, properties: (NAMES[name] ? a : b) || {} })
  }

  ;['pushState', 'replaceState'].forEach(function (name) {
    var original = history[name]
    history[name] = function () {
      original.apply(this, arguments)
      page()
    }
  })
  w.addEventListener('popstate', function () { page() })
  // The answer is not known then: if the door has it, the repeat on the next page has no further effect.
  w.addEventListener('pagehide', function () {
    var batch = next()
    if (batch[0]) navigator.sendBeacon(url, body(batch))
  })

  var early = w.usual && w.usual.q || []
  w.usual = usual
  early.forEach(function (told) { usual.apply(0, told) })
  page()
  send()
})(window, document)
