"""The page of counters, as Prometheus reads it."""

from prometheus_client.parser import text_string_to_metric_families

from xase_server.web.metrics import Metrics


def samples(metrics):
    families = text_string_to_metric_families(metrics.page().decode())
    return {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}


def test_answers_are_counted_by_endpoint_and_status_and_their_times_by_endpoint():
    metrics = Metrics()
    metrics.observe("GET", "/x", 200, 0.003)
    metrics.observe("GET", "/x", 404, 0.0025)
    metrics.observe("GET", "/x", 404, 60)
    found = samples(metrics)
    assert found["xase_http_requests_total", "GET", "/x", "200"] == 1
    assert found["xase_http_requests_total", "GET", "/x", "404"] == 2
    name = "xase_http_request_seconds"
    counted = [found[f"{name}_bucket", bound, "GET", "/x"] for bound in ("0.001", "0.0025", "0.005", "10.0", "+Inf")]
    assert counted == [0, 1, 2, 2, 3]
    assert found[f"{name}_count", "GET", "/x"] == 3
    assert found[f"{name}_sum", "GET", "/x"] == 60.0055


def test_nothing_counted_is_a_page_all_the_same():
    assert samples(Metrics()) == {}
