"""The page in a real browser: it is clicked, sorted, chosen from, filtered; it asks no network and reports no error."""

import json
import os
import shutil

import numpy as np
import pytest
from galleries import PEOPLE, with_gallery
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from sgbench.report.making import make_report

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
NEEDED = os.environ.get("SGBENCH_BROWSER") == "required"
HOSTILE = "</script><img src=x onerror=alert(1)>"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (NEEDED or (CHROMIUM and DRIVER)), reason="no chromium and chromedriver in PATH"),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A report of three systems, one with the name of an attack, in a folder with an odd name."""
    root = tmp_path_factory.mktemp("page") / "an 'odd' <b>name & #1"
    jobs = {"job": "m00 (500, seed 0)"}
    study = with_gallery(root, 3, names=[HOSTILE], jobs=jobs, title=HOSTILE, facts={HOSTILE: HOSTILE})
    rows = [{"iteration": k, "loss/critic": 3.0 - k / 9, "loss/gan": float(np.sin(k))} for k in range(1, 60)]
    study.runs.job("job").add_losses(rows)
    return make_report(study, pictures=False).page.with_name("index.html")


@pytest.fixture(scope="module")
def driver():
    """A browser; what it logs and asks for is kept."""
    options = Options()
    options.binary_location = CHROMIUM or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,1000"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(DRIVER))
    browser.set_page_load_timeout(60)
    yield browser
    browser.quit()


@pytest.fixture
def opened(driver, page):
    """The page as it is when it was just opened; afterwards nothing was logged and nothing asked for."""
    driver.get_log("browser")
    driver.get_log("performance")
    driver.get(page.as_uri())
    WebDriverWait(driver, 30).until(lambda d: d.find_elements(By.CSS_SELECTOR, ".tile"))
    driver.execute_script("document.documentElement.style.scrollBehavior = 'auto'")
    yield driver
    assert driver.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert {url.partition(":")[0] for url in asked} <= {"file", "data"}
    assert {url for url in asked if url.startswith("file")} == {page.as_uri()}


def click(driver, element):
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()


def find(driver, selector):
    return driver.find_element(By.CSS_SELECTOR, selector)


def column(driver, table, place):
    """Texts of a column of the first part of a table, as they stand now."""
    rows = driver.find_elements(By.CSS_SELECTOR, f"#{table} table:first-of-type tbody tr")
    return [row.find_elements(By.XPATH, "./*")[place].text for row in rows if row.is_displayed()]


def tiles(driver, key):
    return [tile.get_attribute(f"data-{key}") for tile in driver.find_elements(By.CSS_SELECTOR, ".tile")]


def choose(driver, name, value):
    Select(find(driver, f"#gallery-controls [name={name}]")).select_by_value(value)


def test_a_table_is_sorted_by_numbers_and_by_names_and_back(opened):
    before = column(opened, "table-jury_target_accuracy", 1)
    heading = opened.find_elements(By.CSS_SELECTOR, "#table-jury_target_accuracy thead th")[1]
    button = heading.find_element(By.TAG_NAME, "button")
    click(opened, button)
    assert heading.get_attribute("aria-sort") == "ascending"
    numbers = [float(text.split()[0]) for text in column(opened, "table-jury_target_accuracy", 1)]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) > 2
    button.send_keys(Keys.ENTER)
    assert heading.get_attribute("aria-sort") == "descending"
    assert [float(t.split()[0]) for t in column(opened, "table-jury_target_accuracy", 1)] == numbers[::-1]
    button.send_keys(Keys.SPACE)
    assert heading.get_attribute("aria-sort") == "none"
    assert column(opened, "table-jury_target_accuracy", 1) == before
    click(opened, opened.find_elements(By.CSS_SELECTOR, "#table-jury_target_accuracy thead button")[0])
    names = column(opened, "table-jury_target_accuracy", 0)
    assert names[-2:] == ["Oracle (counterfactual)", "Real images"]


def test_rows_and_columns_are_chosen(opened):
    click(opened, find(opened, "#table-jury_target_accuracy .choose summary"))
    rows, columns = opened.find_elements(By.CSS_SELECTOR, "#table-jury_target_accuracy .choices fieldset")
    click(opened, rows.find_elements(By.TAG_NAME, "input")[1])
    assert "Method 01" not in column(opened, "table-jury_target_accuracy", 0)
    assert "Method 02" in column(opened, "table-jury_target_accuracy", 0)
    click(opened, columns.find_elements(By.TAG_NAME, "input")[0])
    headings = opened.find_elements(By.CSS_SELECTOR, "#table-jury_target_accuracy thead th")
    assert [heading.is_displayed() for heading in headings] == [True, False, True]
    click(opened, rows.find_element(By.XPATH, ".//button[text()='all']"))
    assert "Method 01" in column(opened, "table-jury_target_accuracy", 0)


def test_names_from_data_are_text(opened):
    assert opened.title == HOSTILE
    assert find(opened, "h1").text == HOSTILE
    assert HOSTILE in column(opened, "table-jury_target_accuracy", 0)
    assert HOSTILE in find(opened, "#gallery-controls .systems").text
    assert opened.find_elements(By.CSS_SELECTOR, "img") == []


def test_results_are_filtered_by_system_attribute_and_direction(opened):
    assert len(tiles(opened, "system")) == 3 * 2 * len(PEOPLE)
    first, second, _ = opened.find_elements(By.CSS_SELECTOR, "#gallery-controls .systems input")
    click(opened, first)
    click(opened, second)
    assert set(tiles(opened, "system")) == {"2"}
    choose(opened, "target", "1")
    assert set(tiles(opened, "target")) == {"1"}
    directions = [o.get_attribute("value") for o in Select(find(opened, "[name=direction]")).options]
    assert directions[0] == ""
    assert {value[0] for value in directions[1:]} == {"1"}
    choose(opened, "direction", directions[1])
    assert {f"1/{value}" for value in tiles(opened, "value")} == {directions[1]}
    click(opened, opened.find_elements(By.CSS_SELECTOR, "#gallery-controls .systems input")[2])
    assert "No result fits" in find(opened, "#gallery-count").text


def test_failures_are_found_as_easily_as_successes(opened):
    for key in ("confidence", "inside"):
        choose(opened, "key", key)
        for order, reverse in (("ascending", False), ("descending", True)):
            choose(opened, "order", order)
            numbers = [float(number) for number in tiles(opened, key)]
            assert numbers == sorted(numbers, reverse=reverse)
            assert len(set(numbers)) > 5
    says = find(opened, ".tile .says").text
    assert says.startswith("The jury is ")
    assert says.endswith(" from the counterfactual.")


def test_the_slider_uncovers_the_source_and_the_residual_is_the_distance(opened):
    tile = find(opened, ".tile")
    slider = tile.find_element(By.CSS_SELECTOR, ".slide input")
    opened.execute_script("arguments[0].scrollIntoView({block: 'center'})", slider)
    slider.send_keys(Keys.HOME)
    for _ in range(3):
        slider.send_keys(Keys.ARROW_RIGHT)
    assert slider.get_attribute("value") == "3"
    assert "3%" in tile.find_element(By.CSS_SELECTOR, ".over").get_attribute("style")
    pixel = "return [...arguments[0].querySelector(arguments[1]).getContext('2d').getImageData(4, 4, 1, 1).data]"
    source, made = (opened.execute_script(pixel, tile, q) for q in (".source canvas", ".made"))
    button = tile.find_element(By.CSS_SELECTOR, ".residual")
    click(opened, button)
    assert button.get_attribute("aria-pressed") == "true"
    expected = [min(255, 2 * abs(a - b)) for a, b in zip(made[:3], source[:3], strict=True)]
    assert opened.execute_script(pixel, tile, ".made") == [*expected, 255]
    assert max(expected) > 0
    click(opened, button)
    assert opened.execute_script(pixel, tile, ".made") == made


def test_every_picture_and_chart_has_words(opened):
    canvases = opened.find_elements(By.CSS_SELECTOR, ".tile canvas[role=img]")
    assert all(canvas.get_attribute("aria-label") for canvas in canvases)
    assert "Test image face" in canvases[0].get_attribute("aria-label")
    charts = opened.find_elements(By.CSS_SELECTOR, "svg")
    assert len(charts) >= 2
    assert all(chart.get_attribute("aria-label") for chart in charts)


def test_a_point_tells_its_figures_to_keyboard_and_pointer(opened):
    point = find(opened, ".point")
    opened.execute_script("arguments[0].focus()", point)
    tip = find(opened, "#tip")
    assert tip.is_displayed()
    assert tip.text == point.get_attribute("aria-label")
    assert "target accuracy" in tip.text
    opened.execute_script("arguments[0].blur()", point)
    assert not tip.is_displayed()


def test_the_first_tab_leads_past_the_contents_and_focus_is_seen(opened):
    find(opened, "body").send_keys(Keys.TAB)
    active = opened.switch_to.active_element
    assert active.text == "Skip to the results"
    assert opened.execute_script("return getComputedStyle(arguments[0]).outlineStyle", active) == "solid"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_no_width_makes_the_page_scroll_sideways(opened, width, scheme):
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    opened.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    try:
        wide = (
            "return [document.documentElement.scrollWidth, innerWidth, getComputedStyle(document.body).backgroundColor]"
        )
        scrolled, inner, paper = opened.execute_script(wide)
        assert scrolled <= width == inner
        assert (sum(map(int, paper[4:-1].split(","))) < 150) is (scheme == "dark")
    finally:
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_the_contents_come_back_when_a_window_is_widened(opened):
    narrow = {"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    entries = "nav.contents details ol"
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", narrow)
    try:
        opened.refresh()
        assert not find(opened, entries).is_displayed()
        opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", narrow | {"width": 1280, "mobile": False})
        WebDriverWait(opened, 30).until(lambda d: find(d, entries).is_displayed())
    finally:
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        opened.refresh()


def test_on_a_phone_no_name_of_a_row_runs_into_its_figures(opened):
    opened.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    )
    try:
        wide = (
            "return [...document.querySelectorAll('section.table tbody th')].filter(n => n.scrollWidth > n.clientWidth)"
        )
        names = opened.execute_script(f"{wide}.map(n => n.textContent)")
        assert names == []
        assert opened.execute_script("return document.querySelectorAll('section.table tbody th').length") > 20
    finally:
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_on_a_phone_the_trade_off_shows_the_systems_first(opened):
    opened.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    )
    try:
        opened.refresh()
        boxes = "return [...document.querySelectorAll('svg.tradeoff .label')].map(l => l.getBoundingClientRect().left)"
        starts = opened.execute_script(boxes)  # names of methods may be of any length
        assert starts
        assert all(0 <= start < 360 for start in starts)
    finally:
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        opened.refresh()
