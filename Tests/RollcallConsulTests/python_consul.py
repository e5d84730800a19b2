"""One call of Consul by python-consul: PORT ACTION PARAMETERS, of which the last are JSON, as is what it says."""

import json
import sys

import consul

LOCK_FLAGS = 3304740253564472344


def text(value):
    return None if value is None else value.decode()


def register(client, name, id, address, port, tags=None, meta=None, ttl=None):
    check = consul.Check.ttl(ttl) if ttl else None
    return client.agent.service.register(
        name, service_id=id, address=address, port=port, tags=tags, meta=meta, check=check
    )


def deregister(client, id):
    return client.agent.service.deregister(id)


def pass_check(client, check):
    return client.agent.check.ttl_pass(check)


def service(client, name, passing=False):
    _, nodes = client.health.service(name, passing=passing)
    return [
        {
            "id": node["Service"]["ID"],
            "address": node["Service"]["Address"],
            "port": node["Service"]["Port"],
            "tags": node["Service"]["Tags"],
            "meta": node["Service"]["Meta"],
            "statuses": sorted({check["Status"] for check in node["Checks"]}),
        }
        for node in nodes
    ]


def put(client, key, value):
    return client.kv.put(key, value)


def get(client, key):
    _, entry = client.kv.get(key)
    return entry and {"value": text(entry["Value"]), "flags": entry["Flags"], "session": entry.get("Session")}


def delete(client, key):
    return client.kv.delete(key)


def lock(client, key, ttl=30):
    session = client.session.create(name="python", ttl=ttl, lock_delay=0, behavior="release")
    return {"session": session, "held": client.kv.put(key, "python", flags=LOCK_FLAGS, acquire=session)}


def unlock(client, key, session):
    released = client.kv.put(key, "", release=session)
    client.session.destroy(session)
    return released


ACTIONS = {
    "register": register,
    "deregister": deregister,
    "pass": pass_check,
    "service": service,
    "put": put,
    "get": get,
    "delete": delete,
    "lock": lock,
    "unlock": unlock,
}

if __name__ == "__main__":
    client = consul.Consul(host="127.0.0.1", port=int(sys.argv[1]))
    print(json.dumps(ACTIONS[sys.argv[2]](client, **json.loads(sys.argv[3]))))
