"""The SROS 2 policy against what the node really opens."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from mtvif_ros.resources import share_directory
from tests.mtvif_ros.node.cameras import Cameras, local_node, toy_parameters

POLICY = share_directory() / "config" / "sros2" / "mtvif.policy.xml"


def allowed(enclave: str, kind: str, right: str) -> set[str]:
    """Full names of the topics or services that an enclave's only profile allows."""
    (profile,) = ElementTree.parse(POLICY).findall(f".//enclave[@path='{enclave}']/profiles/profile")
    node = profile.attrib["node"]
    names = [one.text or "" for one in profile.findall(f"{kind}s[@{right}='ALLOW']/{kind}")]
    return {"/" + name.replace("~/", f"{node}/").lstrip("/") for name in names}


# What depends on parameters, on installed packages or on the distribution.
NOT_ALWAYS = {
    "/clock",
    "/fusion_node/get_type_description",
    "/ir/camera_info",
    "/ir/image_raw/compressed",
    "/mtvif/detections",
    "/mtvif/label_info",
    "/rgb/image_raw/compressed",
    "/tf",
    "/tf_static",
}


def test_the_node_may_open_what_it_opens_and_little_more(cameras: Cameras, certain_model: Path) -> None:
    ways = {
        ("topic", "publish"): cameras.node.get_publisher_names_and_types_by_node,
        ("topic", "subscribe"): cameras.node.get_subscriber_names_and_types_by_node,
        ("service", "reply"): cameras.node.get_service_names_and_types_by_node,
    }

    def opened(kind: str, right: str) -> set[str]:
        return {name for name, _ in ways[kind, right]("fusion_node", "/")}

    may = {way: allowed("/mtvif/fusion_node", *way) for way in ways}
    with local_node(cameras, toy_parameters(certain_model)) as node:
        node.trigger_configure()
        node.trigger_activate()
        discovered = cameras.spin_until(lambda: all(may[way] - opened(*way) <= NOT_ALWAYS for way in ways))
        found = {way: opened(*way) for way in ways}
    assert discovered, found
    for way in ways:
        assert found[way] <= may[way]


def test_cameras_and_viewers_may_speak_to_the_node_alone() -> None:
    node = "/mtvif/fusion_node"
    ros = {"/rosout", "/parameter_events"}
    assert allowed("/mtvif/cameras", "topic", "publish") - ros == (
        allowed(node, "topic", "subscribe") - ros - {"/clock"}
    )
    seen = allowed("/mtvif/viewer", "topic", "subscribe") - ros
    assert seen == allowed(node, "topic", "publish") - ros - {"/fusion_node/transition_event"}
    assert not allowed("/mtvif/viewer", "service", "request")
