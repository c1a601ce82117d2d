# SPDX-License-Identifier: Apache-2.0
"""The platform's files, read without the programs that they are for.

What can be wrong in a compose file, a dashboard or a data source without anything noticing until somebody stands
before an empty panel: versions that move, ports open to the network, a mounted file that is not there, a panel
that asks a data source nobody provides. Needs python3-yaml, and for the schemas python3-jsonschema and a folder
CUPOLA_SCHEMAS (or CUPOLA_PLATFORM_BIN/schemas) with compose-spec.json and devContainer.base.schema.json.
"""

import glob
import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../integration"))
import cupola

try:
    import yaml
except ImportError:
    print("1..0 # SKIP python3-yaml is not installed")
    sys.exit(0)

TOP = cupola.SRCDIR
COMPOSE = ("docker-compose.yml", "docker-compose-services.yml")


def path(*parts):
    return os.path.join(TOP, *parts)


def read(name):
    with open(path(name), encoding="utf-8") as f:
        return f.read()


def load(name):
    return yaml.safe_load(read(name))


def services():
    for name in COMPOSE:
        for service, what in load(name)["services"].items():
            yield f"{name}: {service}", what


def images():
    """Every image that something is fetched from: pulled, or built on."""
    found = []
    for name in COMPOSE:
        text = read(name)
        built = {s["image"] for s in load(name)["services"].values() if "build" in s}
        found += [i for i in re.findall(r"^\s+image: (\S+)", text, re.M) if i not in built]
        found += re.findall(r"^\s+FROM (\S+)", text, re.M)
    stages = set(re.findall(r"^FROM \S+ AS (\S+)", read("Dockerfile"), re.M))
    found += [i for i in re.findall(r"^FROM (\S+)", read("Dockerfile"), re.M) if i not in stages]
    return found


def dashboards():
    for name in sorted(glob.glob(path("etc/grafana/dashboards/*.json"))):
        with open(name, encoding="utf-8") as f:
            yield os.path.basename(name), json.load(f)


def panels(dashboard):
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def without_comments(text):
    """devcontainer.json is JSON with comments on lines of their own."""
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("//"))


def test_every_image_is_pinned_to_one_version():
    assert images()
    for image in images():
        name, _, tag = image.partition(":")
        assert re.search(r"\d+", tag) and tag not in ("latest", "main", "stable"), f"{image} is not pinned"


def test_the_documentation_names_the_versions_that_compose_starts():
    text = read("docs/platform.md")
    for image in images():
        name, _, tag = image.partition(":")
        if "/" in name:
            assert f"`{image}`" in text, f"docs/platform.md does not name {image}"


def test_ports_are_published_on_this_machine_alone():
    published = {}
    for name, service in services():
        for port in service.get("ports", []):
            assert isinstance(port, str) and port.startswith("127.0.0.1:"), f"{name} publishes {port}"
            number = re.sub(r"\$\{\w+:-(\d+)\}", r"\1", port).split(":")[1]
            published.setdefault(number, []).append(name)
    for number in ("3000", "3100", "3200", "5000", "5050", "5051", "9090", "14317", "14318", "16686"):
        assert number in published, f"nothing publishes {number}"
    for number in ("4317", "4318"):
        assert number not in published, f"{published.get(number)} takes the station's {number}"
    alone = {n: s for n, s in published.items() if len(s) > 1 and n != "5000"}
    assert not alone, alone


def test_every_service_says_how_it_does_and_comes_back():
    for name, service in services():
        assert service.get("healthcheck", {}).get("test"), f"{name} has no health check"
        if "profiles" not in service:  # those are started by hand
            assert service.get("restart") == "unless-stopped", f"{name} does not come back after a restart"


def test_what_waits_for_a_service_waits_for_its_health():
    for name in COMPOSE:
        all_services = load(name)["services"]
        for service, what in all_services.items():
            for other, how in what.get("depends_on", {}).items():
                assert other in all_services, f"{name}: {service} waits for {other}, which is not there"
                assert how == {"condition": "service_healthy"}, f"{name}: {service} and {other}: {how}"


def test_every_mounted_file_and_volume_exists():
    for name in COMPOSE:
        whole = load(name)
        for service, what in whole["services"].items():
            for mount in what.get("volumes", []):
                source, target = mount.split(":")[:2]
                assert target.startswith("/"), mount
                if source == "./workshop-copy":
                    continue  # the learner's: made when the container starts
                if source.startswith("."):
                    assert os.path.exists(path(source)), f"{name}: {service} mounts {source}, which is not there"
                else:
                    assert source in whole["volumes"], f"{name}: {service}: no volume {source}"


def test_data_that_is_kept_is_kept_in_named_volumes():
    platform = load("docker-compose.yml")
    for service, where in (("prometheus", "/prometheus"), ("loki", "/loki"), ("tempo", "/var/tempo"), ("grafana", "/var/lib/grafana")):
        assert f"{service}:{where}" in platform["services"][service]["volumes"], service


def test_both_files_share_one_network_by_name():
    assert load("docker-compose.yml")["networks"] == {"default": {"name": "cupola"}}
    assert load("docker-compose-services.yml")["networks"] == {"default": {"name": "cupola", "external": True}}


def test_prometheus_accepts_what_is_pushed_to_it():
    command = load("docker-compose.yml")["services"]["prometheus"]["command"]
    for flag in ("--web.enable-otlp-receiver", "--web.enable-remote-write-receiver", "--enable-feature=exemplar-storage"):
        assert flag in command, f"without {flag} there is no service graph, or no exemplar"
    writes = load("etc/tempo/tempo.yaml")["metrics_generator"]["storage"]["remote_write"]
    assert all(w["send_exemplars"] for w in writes), writes


def test_configuration_names_only_services_that_compose_starts():
    names = set(load("docker-compose.yml")["services"])
    for name in ("etc/otel-collector/config.yaml", "etc/prometheus/prometheus.yml", "etc/tempo/tempo.yaml",
                 "etc/grafana/provisioning/datasources/datasources.yaml"):
        for host in re.findall(r"(?:http://|\")([a-z][a-z-]+):\d+", read(name)):
            assert host in names, f"{name} names {host}, which docker-compose.yml does not start"


def test_the_collector_uses_all_it_configures():
    config = load("etc/otel-collector/config.yaml")
    pipelines = config["service"]["pipelines"].values()
    for kind in ("receivers", "processors", "exporters"):
        used = {name for p in pipelines for name in p[kind]}
        assert used <= set(config[kind]), f"{kind}: {used - set(config[kind])} is used and not configured"
        idle = set(config[kind]) - used - {"debug"}
        assert not idle, f"{kind}: {idle} is configured and not used"
    assert set(config["service"]["extensions"]) == set(config["extensions"])


def test_grafana_reads_its_dashboards_from_where_they_are_mounted():
    grafana = load("docker-compose.yml")["services"]["grafana"]
    mounted = [m.split(":")[1] for m in grafana["volumes"]]
    for provider in load("etc/grafana/provisioning/dashboards/dashboards.yaml")["providers"]:
        assert provider["type"] == "file" and provider["options"]["path"] in mounted, provider
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert os.path.exists(path("etc/grafana/dashboards", os.path.basename(home))), home


def test_nobody_is_an_administrator_without_a_login():
    env = load("docker-compose.yml")["services"]["grafana"]["environment"]
    assert env["GF_AUTH_ANONYMOUS_ORG_ROLE"] in ("Viewer", "Editor")
    assert env["GF_AUTH_BASIC_ENABLED"] == env["GF_AUTH_DISABLE_LOGIN_FORM"].replace("true", "false") == "false"


def test_data_sources_have_unique_uids_and_lead_to_each_other():
    whole = load("etc/grafana/provisioning/datasources/datasources.yaml")
    assert whole["apiVersion"] == 1
    sources = {s["uid"]: s for s in whole["datasources"]}
    assert len(sources) == len(whole["datasources"])
    assert sum(bool(s.get("isDefault")) for s in sources.values()) == 1
    for source in sources.values():
        assert {"name", "type", "access", "url"} <= set(source), source
        named = re.findall(r"'datasourceUid': '([^']+)'", repr(source.get("jsonData")))
        assert set(named) <= set(sources), f"{source['name']} leads to {set(named) - set(sources)}"
    links = {uid: repr(s["jsonData"]) for uid, s in sources.items()}
    assert "exemplarTraceIdDestinations" in links["prometheus"], "metrics to traces"
    assert "derivedFields" in links["loki"], "logs to traces"
    for key in ("tracesToLogsV2", "tracesToMetrics", "serviceMap"):
        assert key in links["tempo"], key
    # A lone $ would be taken for a variable of Grafana's environment.
    for line in read("etc/grafana/provisioning/datasources/datasources.yaml").splitlines():
        if not line.lstrip().startswith("#"):
            assert not re.search(r"(?<!\$)\$(?!\$)", line.replace("$$", "")), line


PANEL_TYPES = {"timeseries", "stat", "heatmap", "logs", "table", "nodeGraph", "text", "row", "bargauge", "traces", "barchart"}


def test_dashboards_are_such_as_grafana_takes():
    uids, names = set(), {s["uid"]: s["type"] for s in load("etc/grafana/provisioning/datasources/datasources.yaml")["datasources"]}
    found = list(dashboards())
    assert len(found) >= 2
    for name, dashboard in found:
        assert dashboard["uid"] not in uids, f"{name}: uid {dashboard['uid']} is taken"
        uids.add(dashboard["uid"])
        assert dashboard["title"] and isinstance(dashboard["schemaVersion"], int) and dashboard["schemaVersion"] >= 39, name
        assert dashboard.get("id") is None and "__inputs" not in dashboard, f"{name} is an export for sharing, not for provisioning"
        assert "${DS_" not in json.dumps(dashboard), f"{name} has a data source left open"
        ids, places = set(), []
        for panel in panels(dashboard):
            where = f"{name}: {panel.get('title')}"
            assert panel["type"] in PANEL_TYPES, f"{where}: type {panel['type']}"
            assert panel["id"] not in ids, f"{where}: id {panel['id']} twice"
            ids.add(panel["id"])
            box = panel["gridPos"]
            assert 0 <= box["x"] and box["x"] + box["w"] <= 24, f"{where}: {box}"
            for other in places:
                apart = (box["x"] >= other["x"] + other["w"] or other["x"] >= box["x"] + box["w"] or
                         box["y"] >= other["y"] + other["h"] or other["y"] >= box["y"] + box["h"])
                assert apart, f"{where} lies over another panel"
            places.append(box)
            if panel["type"] in ("text", "row"):
                continue
            assert panel.get("description"), f"{where} does not say what it shows"
            refs = [t["refId"] for t in panel["targets"]]
            assert refs and len(set(refs)) == len(refs), where
            for target in panel["targets"]:
                source = target["datasource"]
                assert names.get(source["uid"]) == source["type"], f"{where} asks {source}, which is not provided"
        for variable in dashboard["templating"]["list"]:
            assert names.get(variable["datasource"]["uid"]) == variable["datasource"]["type"], name


def test_each_container_runs_its_own_service_with_a_configuration_that_is_right():
    whole = load("docker-compose-services.yml")["services"]
    want = {"frontend", "gateway", "geolocator-service", "iss-distance-service", "upstream"}
    assert set(whole) == want | {"build"}, set(whole)
    for name in sorted(want):
        assert f"plugin {name}.enabled=yes" in whole[name]["command"], name
        assert "--watch" in whole[name]["command"], f"{name} does not load what watch brings"
        out = cupola.run("check-config", "-c", path("etc/docker/host.conf"), "--set", f"plugin {name}.enabled=yes")
        assert out.returncode == 0, (name, out.stdout, out.stderr)


def test_watch_brings_a_change_to_the_compiler_and_nothing_restarts():
    watch = load("docker-compose-services.yml")["services"]["build"]["develop"]["watch"]
    plugins = [w for w in watch if w["path"] == "./plugins"]
    assert [w["action"] for w in plugins] == ["sync+exec"], plugins
    command = plugins[0]["exec"]["command"]
    assert command.startswith("/src/") and os.access(path(command[len("/src/"):]), os.X_OK), command


def test_what_the_image_is_built_from_is_there():
    dockerfile = read("Dockerfile")
    for source in re.findall(r"^COPY (?!--from)(\S+) \S+$", dockerfile, re.M):
        assert os.path.exists(path(source)), source
    for script in ("etc/docker/rebuild", "etc/docker/workshop"):
        assert os.access(path(script), os.X_OK), script
    last = dockerfile[dockerfile.rindex("\nFROM "):]
    assert re.search(r"^USER cupola$", last, re.M), "the image runs as root"
    assert "HEALTHCHECK" in last and not re.search(r"\b(gcc|make|-dev)\b", last), "the image has more than it needs"


def test_the_image_has_the_libraries_that_its_programs_need():
    if not shutil.which("dpkg") or not shutil.which("objdump"):
        raise cupola.Skip("dpkg and objdump say which package has a library")
    if os.environ.get("CUPOLA_SAN"):
        raise cupola.Skip("the image is not built with sanitizers, which link more libraries")
    dockerfile = read("Dockerfile")
    packages = dockerfile[dockerfile.rindex("\nFROM "):].split("--no-install-recommends")[1].split("&&")[0].split()
    plugins = [name + ".so" for name in load("docker-compose-services.yml")["services"] if name != "build"]
    needed = set()
    for program in [cupola.BIN, os.path.join(cupola.STAGE, "lib/libotel.so.0"), *[os.path.join(cupola.PLUGINS, p) for p in plugins]]:
        out = subprocess.run(["objdump", "-p", program], check=True, capture_output=True, text=True)
        needed |= set(re.findall(r"^\s+NEEDED\s+(\S+)$", out.stdout, re.M))
    of_every_image = re.compile(r"libotel|libc\.so|libm\.so|ld-linux|lib(a|ub|l|t)san|libgcc_s|libstdc")
    for library in sorted(n for n in needed if not of_every_image.match(n)):
        owner = subprocess.run(["dpkg", "-S", "*/" + library], capture_output=True, text=True).stdout
        owners = {line.split(":")[0] for line in owner.splitlines() if "-dev" not in line}
        if owners:  # a library built by hand has none
            assert owners & set(packages), f"{library} is in {owners}; the image has {packages}"


def test_the_dev_container_starts_a_service_that_is_there():
    whole = json.loads(without_comments(read(".devcontainer/devcontainer.json")))
    compose = os.path.normpath(os.path.join(".devcontainer", whole["dockerComposeFile"]))
    service = load(compose)["services"][whole["service"]]
    assert any(m.split(":")[1] == whole["workspaceFolder"] for m in service["volumes"]), "its folder is not mounted"


def schema(name):
    try:
        import jsonschema
    except ImportError:
        raise cupola.Skip("python3-jsonschema is not installed")
    folder = os.environ.get("CUPOLA_SCHEMAS") or os.path.join(os.environ.get("CUPOLA_PLATFORM_BIN", ""), "schemas")
    if not os.path.exists(os.path.join(folder, name)):
        raise cupola.Skip(f"no {name}: CUPOLA_SCHEMAS names no folder that has it")
    with open(os.path.join(folder, name), encoding="utf-8") as f:
        whole = json.load(f)
    draft = jsonschema.Draft201909Validator if "2019-09" in whole["$schema"] else jsonschema.Draft7Validator
    return draft(whole)


def test_compose_files_fit_the_compose_specification():
    validator = schema("compose-spec.json")
    for name in COMPOSE:
        problems = [f"{'.'.join(map(str, e.path))}: {e.message}" for e in validator.iter_errors(load(name))]
        assert not problems, (name, problems)


def test_the_dev_container_fits_its_schema():
    validator = schema("devContainer.base.schema.json")
    problems = [e.message for e in validator.iter_errors(json.loads(without_comments(read(".devcontainer/devcontainer.json"))))]
    assert not problems, problems


def compose_cli():
    """docker-compose as a program; its `config` needs no engine."""
    folders = [os.environ.get("CUPOLA_PLATFORM_BIN", "")] + os.environ["PATH"].split(os.pathsep)
    found = shutil.which("docker-compose", path=os.pathsep.join(filter(None, folders)))
    if not found or " v1" in subprocess.run([found, "version"], capture_output=True, text=True).stdout:
        raise cupola.Skip("no docker-compose (version 2 or later)")
    return found


def test_compose_itself_accepts_its_files():
    program = compose_cli()
    for name in COMPOSE:
        out = subprocess.run([program, "-f", path(name), "--profile", "*", "config", "--format", "json"], capture_output=True, text=True)
        assert out.returncode == 0 and not out.stderr.strip(), (name, out.stderr)
        whole = json.loads(out.stdout)
        assert set(whole["services"]) == set(load(name)["services"]), name
        for service, what in whole["services"].items():
            for port in what.get("ports", []):
                assert port["host_ip"] == "127.0.0.1", (service, port)


if __name__ == "__main__":
    cupola.main()
