
// Swaps the body when the daemon tells of a change, and every 30 s.
(function () {
  'use strict';
  var waiting = false;
  function stale(is) {
    document.documentElement.classList.toggle('stale', is);
  }
  function show(text) {
    var page = new DOMParser().parseFromString(text, 'text/html');
    document.title = page.title;
    document.body.replaceWith(document.adoptNode(page.body));
    stale(false);
  }
  function fetchPage() {
    waiting = false;
    fetch(location.pathname, {cache: 'no-store'}).then(function (answer) {
      if (!answer.ok) { throw new Error(answer.status); }
      return answer.text();
    }).then(show).catch(function () { stale(true); });
  }
  function soon() {
    if (!waiting) {
      waiting = true;
      setTimeout(fetchPage, 300);
    }
  }
  if (window.EventSource) {
    var events = new EventSource('/v1/events');
    events.addEventListener('state', soon);
    events.addEventListener('verdict', soon);
  }
  setInterval(soon, 30000);
}());
