"""The manifest that is shipped: sound by Kubernetes' own schemas, and its parts fit together."""

import json
import subprocess
import tomllib
from pathlib import Path

import pytest
import trustme
import yaml
from jsonschema import Draft202012Validator

from voiced.config import parse_config

ROOT = Path(__file__).parents[2]
SCHEMAS = json.loads((ROOT / "tests/data/kubernetes/v1.31-strict.json").read_text())
MANIFEST = list(yaml.safe_load_all((ROOT / "docs/scaling/kubernetes.yaml").read_text()))


def the(kind, name):
    (found,) = [o for o in MANIFEST if (o["kind"], o["metadata"]["name"]) == (kind, name)]
    return found


def faults(thing):
    schema = {"$ref": SCHEMAS["kinds"][thing["kind"]], "$defs": SCHEMAS["$defs"]}
    return [f"{e.json_path}: {e.message}" for e in Draft202012Validator(schema).iter_errors(thing)]


@pytest.mark.parametrize("thing", MANIFEST, ids=lambda o: f"{o['kind']} {o['metadata']['name']}")
def test_every_object_is_one_that_kubernetes_takes(thing):
    assert faults(thing) == []


def test_an_object_with_a_key_that_is_none_would_be_found():
    wrong = json.loads(json.dumps(the("StatefulSet", "voiced")))
    wrong["spec"]["template"]["spec"]["containers"][0]["imagePullPolice"] = "Always"
    assert "imagePullPolice" in faults(wrong)[0]


def pod():
    return the("StatefulSet", "voiced")["spec"]["template"]["spec"]


def config():
    text = the("ConfigMap", "voiced")["data"]["config.toml"]
    variables = {one["name"]: one.get("value", "") for one in pod()["containers"][0]["env"]}
    url = variables["VOICED_CALL_URL"].replace("$(VOICED_INSTANCE)", "voiced-0")
    environ = {
        "VOICED_CALL_URL": url,
        "VOICED_INSTANCE": "voiced-0",
        "VOICED_ADMIN_TOKEN": "t",
        "VOICED_INDEX": "postgresql://db/voiced",
    }
    return parse_config(tomllib.loads(text), environ)


def test_the_configuration_in_it_is_one_and_names_each_instance_by_its_pod():
    assert config().call_webhook_url == "https://phone.example.com/i/voiced-0/telnyx/webhook"
    assert config().server.instance == "voiced-0"


def test_a_pod_has_time_to_drain():
    call = config().call
    needed = call.drain_timeout_s + call.goodbye_timeout_s + 20
    assert pod()["terminationGracePeriodSeconds"] > needed


def test_ports_and_disks_are_those_that_voiced_uses():
    container = pod()["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"public": config().server.address.port, "admin": config().admin.address.port}
    mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
    assert any(config().records.path.is_relative_to(mount) for mount in mounts)


@pytest.mark.socket
def test_haproxy_takes_the_configuration_in_it(tmp_path):
    text = the("ConfigMap", "voiced-haproxy")["data"]["haproxy.cfg"]
    pem = tmp_path / "voiced.pem"
    certificate = trustme.CA().issue_cert("phone.example.com")
    pem.write_bytes(certificate.private_key_and_cert_chain_pem.bytes())
    (tmp_path / "haproxy.cfg").write_text(text.replace("/etc/voiced-tls/voiced.pem", str(pem)))
    done = subprocess.run(
        ["haproxy", "-c", "-f", str(tmp_path / "haproxy.cfg")],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, "WARNING" in done.stderr) == (0, False), done.stderr
