"""The report: everything it must hold, nothing from elsewhere."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from tests.analysis.made_up import family_study, leaderboard_files

from debye import provenance, schema, store
from debye.analysis import report_samples
from debye.analysis.definitions import DEFINITIONS, EVERY, FLOOR, NETWORK, ON_FLOOR
from debye.analysis.leaderboard import make_leaderboard
from debye.analysis.penalty import make_study
from debye.analysis.report import write_report
from debye.analysis.report_samples import read_analysis
from debye.analysis.report_tables import excess_table
from debye.analysis.verdict import verdict
from debye.config import Report
from debye.errors import FormatError
from debye.frozen import PenaltyReportSlice, ReportSlice

TITLE = "Errors <at> the interface & elsewhere"


class Page(HTMLParser):
    """Tags, attributes and text of a page; complains about tags that do not match."""

    VOID = frozenset({"meta", "img", "br", "link", "input"})

    def __init__(self, text):
        super().__init__()
        self.open, self.addresses, self.images, self.words, self.headings = [], [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.addresses += [
            attributes[name] for name in ("src", "href", "action", "data", "srcset") if name in attributes
        ]
        if tag == "img":
            self.images.append(attributes)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)


@pytest.fixture(scope="module")
def written(folders):
    frozen = ReportSlice(code=provenance.code_digest("analysis"), report=Report(title=TITLE, gallery=1))
    path = folders[0].parent / "report" / "index.html"
    write_report(frozen, folders, path)
    return path.read_text(encoding="utf-8")


def test_the_page_asks_for_nothing(written):
    page = Page(written)
    assert page.addresses
    for address in page.addresses:
        assert address.startswith(("data:image/", "#")), address[:60]
    style = written[: written.index("</style>")]
    assert "@import" not in style
    assert "url(" not in style
    assert not re.search(r"https?://", page.text)
    # Bokeh's library, the figures and what draws them, all on the page.
    assert re.findall(r"<script[^>]*>", written) == [
        "<script>",
        '<script type="application/json" id="plots">',
        "<script>",
    ]


def test_the_page_shows_the_leaderboard(folders, made, tmp_path):
    board = leaderboard_files(made, tmp_path, {"small": (0.01, 0.03), "better": (0.005, 0.05)})
    make_leaderboard(*board.arguments)
    frozen = ReportSlice(code=provenance.code_digest("analysis"), report=Report(title=TITLE, gallery=1))
    write_report(frozen, folders, tmp_path / "index.html", leaderboard=board.out)
    page = Page((tmp_path / "index.html").read_text(encoding="utf-8"))
    for words in ("better 1.5 M", "shapes never seen", "(10 ×)", "Error against size"):
        assert words in page.text, words
    assert any("number of parameters" in image["alt"] for image in page.images)
    with pytest.raises(FormatError, match=r"leaderboard\.json"):
        write_report(frozen, folders, tmp_path / "index.html", leaderboard=tmp_path / "none")


def test_the_page_holds_every_figure_and_picture(written):
    page = Page(written)
    # Three curves, and for each of two networks a best, a median and a worst sample.
    assert len(page.images) == 3 + 2 * 3
    assert all(image.get("alt") for image in page.images)
    for heading in ("Key figures", "Error against distance", "By family", "By region", "Training", "Samples"):
        assert heading in page.text
    for place in ("distance", "family-0", "family-1", "family-2", "training"):
        assert f'id="plot-{place}"' in written
    assert '"plot-parameters"' not in written
    assert "Provenance" in page.text
    assert "How to reproduce" in page.text
    assert len(written) < 5_000_000


def test_penalty_study_has_a_section_where_there_is_one(written, folders, tmp_path):
    assert "Penalty study" not in Page(written).text
    frozen = ReportSlice(code=provenance.code_digest("analysis"), report=Report(title=TITLE, gallery=1))
    store.write(family_study(), tmp_path / "disc.nc")
    families = PenaltyReportSlice(code=provenance.code_digest("analysis"), families=("disc",))
    make_study(families, [tmp_path / "disc.nc"], tmp_path / "penalty")
    write_report(frozen, folders, tmp_path / "index.html", tmp_path / "penalty")
    page = Page((tmp_path / "index.html").read_text(encoding="utf-8"))
    assert "Penalty study" in page.text
    assert len(page.images) == 1 + 3 + 2 * 3
    found = json.loads((tmp_path / "penalty" / "findings.json").read_text(encoding="utf-8"))
    for text in found["paragraphs"]:
        assert " ".join(text.split()) in page.text
    (tmp_path / "penalty" / "findings.json").write_text("{}", encoding="utf-8")
    with pytest.raises(FormatError, match="findings of a penalty study"):
        write_report(frozen, folders, tmp_path / "index.html", tmp_path / "penalty")


@pytest.mark.parametrize(
    "kept", ["{}", "[]", '{"paragraphs": ["a"]}', '{"paragraphs": "a", "recommended": "9"}']
)
def test_findings_without_what_the_section_shows_are_refused(folders, tmp_path, kept):
    frozen = ReportSlice(code=provenance.code_digest("analysis"), report=Report(title=TITLE))
    (tmp_path / "findings.json").write_text(kept, encoding="utf-8")
    store.write(family_study(), tmp_path / "study.nc")
    with pytest.raises(FormatError, match=r"findings\.json: .*expected the findings of a penalty study"):
        write_report(frozen, folders, tmp_path / "index.html", tmp_path)


@pytest.mark.parametrize("other", [family_study(), schema.mock()], ids=["a family", "samples"])
def test_another_file_in_the_place_of_the_study_is_refused(folders, tmp_path, other):
    frozen = ReportSlice(code=provenance.code_digest("analysis"), report=Report(title=TITLE))
    store.write(family_study(), tmp_path / "disc.nc")
    families = PenaltyReportSlice(code=provenance.code_digest("analysis"), families=("disc",))
    make_study(families, [tmp_path / "disc.nc"], tmp_path / "penalty")
    store.write(other, tmp_path / "penalty" / "study.nc")
    with pytest.raises(FormatError, match=r"study\.nc: "):
        write_report(frozen, folders, tmp_path / "index.html", tmp_path / "penalty")
    assert not (tmp_path / "index.html").exists()


def test_a_study_that_recommends_nothing_is_shown(folders, tmp_path):
    frozen = ReportSlice(code=provenance.code_digest("analysis"), report=Report(title=TITLE, gallery=1))
    study = family_study()
    study["multigrid_iterations"][..., 0] = float("nan")
    store.write(study, tmp_path / "disc.nc")
    families = PenaltyReportSlice(code=provenance.code_digest("analysis"), families=("disc",))
    make_study(families, [tmp_path / "disc.nc"], tmp_path / "penalty")
    write_report(frozen, folders, tmp_path / "index.html", tmp_path / "penalty")
    assert "No penalty is recommended." in Page((tmp_path / "index.html").read_text(encoding="utf-8")).text


def test_every_definition_stands_beside_its_figure(written, folders):
    text = Page(written).text
    for definition in DEFINITIONS.values():
        assert definition.formula in text, definition.name
        assert definition.title in text
    summary = json.loads((folders[0] / "summary.json").read_text())
    for formula in summary["regions"].values():
        assert formula in text


def test_the_numbers_of_the_analyses_are_on_the_page(written, folders):
    text = Page(written).text
    for folder in folders:
        summary = json.loads((folder / "summary.json").read_text())
        for family in (EVERY, "disc", "ellipse", "star"):
            for name in ("rmse", "relative_l2_median", "maximum", "floor_ratio"):
                of = ON_FLOOR if name == "floor_ratio" else NETWORK
                shown = DEFINITIONS[name].show(summary["figures"][of][family]["all"][name])
                assert shown in text, (folder.name, family, name)
        assert DEFINITIONS["rmse"].show(summary["figures"][FLOOR][EVERY]["all"]["rmse"]) in text
        for digest in summary["digests"].values():
            assert digest in text
        for sentence in verdict(summary):
            assert sentence in text


def test_every_comparison_with_the_floor_names_its_samples(written):
    text = Page(written).text
    for wanted in (
        "on a subset of the split, here 3 of 12 samples.",
        "all 12 samples; the floor: 3 of 12 samples",
        "error over label floor 3 of 12 samples",
        "3 of 12 samples over all families",
        "On the 3 of 12 samples whose label floor is known",
    ):
        assert wanted in text, wanted
    rows = re.findall(r"<tr[^>]*><th>([^<]*)</th><td>(\d+)</td>", written)
    assert rows[:5] == [
        ("better", "12"),
        ("small", "12"),
        ("better, floor&#39;s samples", "3"),
        ("small, floor&#39;s samples", "3"),
        (FLOOR, "3"),
    ]


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("floor_ratio", 37.813, "38 ×"),
        ("floor_ratio", 2.04, "2.0 ×"),
        ("floor_ratio", 99.7, "100 ×"),
        ("floor_ratio", 1234.0, "1\u202f200 ×"),
        ("floor_ratio", 0.0123, "0.012 ×"),
        ("rmse", 999.7, "1\u202f000"),
        ("rmse", 0.0, "0.00"),
        ("rmse", 62.0857, "62.1"),
        ("rmse", None, "–"),
    ],
)
def test_no_more_digits_are_shown_than_mean_something(name, value, shown):
    assert DEFINITIONS[name].show(value) == shown


def test_the_excess_stands_beside_what_was_asked(folders):
    one = read_analysis(folders[0]).summary
    other = json.loads(json.dumps(one))
    network = {"target": "compact", "start": "first", "training": {"loss": {"relative_l2": 1.0, "band": 3.0}}}
    other["configuration"]["network"] = network | {"shape_channels": ["mask", "signed_distance"]}
    table = excess_table([one, other])
    excess = one["figures"]["network"][EVERY]["interface_excess"]
    assert table.rows[1][1] == DEFINITIONS["interface_excess"].show(excess)
    assert table.rows[1][3:] == ("compact", "mask, signed_distance", "1 relative_l2 + 3 band", "first")
    assert table.rows[2][0] == FLOOR
    assert {len(row) for row in table.rows} == {len(table.head)}


def test_provenance_is_complete(written):
    text = Page(written).text
    for wanted in (
        provenance.source(),
        "123 456 parameters",
        "50 s",
        "12 shapes",
        '"channels": 8',
        "4 times finer",
    ):
        assert wanted in text, wanted


def test_text_of_the_user_is_escaped(written):
    assert "<at>" not in written
    assert TITLE in Page(written).text


def test_many_samples_stay_within_the_size_of_a_page(folders, monkeypatch):
    from debye.analysis import report

    monkeypatch.setattr(report, "SAMPLES_SIZE", 600_000)
    frozen = ReportSlice(code="code", report=Report(title="t", gallery=2))
    out = folders[0].parent / "small.html"
    write_report(frozen, folders, out)
    pictures = [image["src"] for image in Page(out.read_text(encoding="utf-8")).images[3:]]
    assert len(pictures) == 2 * (1 + 2 + 2)
    assert sum(len(picture) for picture in pictures) <= 600_000


def test_a_larger_split_makes_no_larger_page(folders, tmp_path):
    frozen = ReportSlice(code="code", report=Report(title="t", gallery=1))
    many = tmp_path / "many"
    many.mkdir()
    for name in ("summary.json", "gallery.nc"):
        (many / name).write_bytes((folders[0] / name).read_bytes())
    with store.open_raw(folders[0] / "metrics.nc") as metrics:
        store.write(metrics.isel(sample=np.arange(60_000) % metrics.sizes["sample"]), many / "metrics.nc")
    sizes = []
    for folder in (folders[0], many):
        write_report(frozen, [folder], tmp_path / "index.html")
        sizes.append((tmp_path / "index.html").stat().st_size)
    assert (many / "metrics.nc").stat().st_size > 10 * (folders[0] / "metrics.nc").stat().st_size
    assert abs(sizes[1] - sizes[0]) < 1000


def test_equal_data_give_an_equal_page(folders, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    frozen = ReportSlice(code="code", report=Report(title="t", gallery=1))
    pages = []
    for _ in range(2):
        write_report(frozen, folders[:1], tmp_path / "index.html")
        pages.append((tmp_path / "index.html").read_text(encoding="utf-8"))
    assert pages[0] == pages[1]


def test_the_contents_lead_to_every_section(whole_report):
    text = whole_report.read_text(encoding="utf-8")
    named = re.findall(r'<h2 id="([a-z]+)">', text)
    assert re.findall(r'<li><a href="#([a-z]+)">', text) == named
    assert {"overview", "ablation", "penalty", "throughput", "reproduce"} <= set(named)


def test_the_ablation_has_a_sentence_and_two_tables(whole_report):
    text = Page(whole_report.read_text(encoding="utf-8")).text
    assert "1 of them separable from 0, regular (target: regular) moves the interface excess most" in text
    assert "the regular potential 24 cells |φ| < 2 Å 2.0 × [" in text
    assert "regular target: regular −0.97 × [−1.1 ×, −0.82 ×]; separable from 0: yes" in text
    assert "over 3 seeds" in text


@pytest.mark.parametrize("kept", ["[]", '{"rows": [{"variant": "a"}]}', "no JSON"])
def test_another_file_in_the_place_of_the_ablation_is_refused(folders, tmp_path, kept):
    frozen = ReportSlice(code="code", report=Report(title="t"))
    (tmp_path / "ablation.json").write_text(kept, encoding="utf-8")
    with pytest.raises(FormatError, match=r"ablation\.json: .*expected an ablation"):
        write_report(frozen, folders, tmp_path / "index.html", ablation=tmp_path)


def test_the_worst_hundredth_begins_where_it_is_said(folders):
    with store.open_raw(folders[0] / "metrics.nc") as metrics:
        relative = metrics["sample_relative_l2"].sel(region="all").values
    assert report_samples.read_analysis(folders[0]).worst == relative.max()
    assert report_samples.worst_limit(np.arange(1000.0)) == 990.0
    assert np.isnan(report_samples.worst_limit(np.array([np.nan])))


@pytest.mark.parametrize("broken", ["summary.json", "metrics.nc", "gallery.nc"])
def test_an_incomplete_folder_is_refused(folders, tmp_path, broken):
    for path in folders[0].iterdir():
        if path.name != broken:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    frozen = ReportSlice(code="code", report=Report(title="t"))
    with pytest.raises(FormatError, match=broken):
        write_report(frozen, [tmp_path], tmp_path / "index.html")
    assert not (tmp_path / "index.html").exists()


def test_the_same_network_twice_is_refused(folders, tmp_path):
    frozen = ReportSlice(code="code", report=Report(title="t"))
    with pytest.raises(FormatError, match="each once"):
        write_report(frozen, [folders[0], folders[0]], tmp_path / "index.html")
