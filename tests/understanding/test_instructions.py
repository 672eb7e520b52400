"""What a language model is told comes from prompts/ and our table."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.complaint import Category
from agent.errors import ConfigurationError
from agent.settings import CallSettings
from agent.understanding.instructions import FILE, load_instructions
from agent.understanding.model_answer import ModelAnswer


def test_every_category_and_every_field_is_explained() -> None:
    told = load_instructions(CallSettings().prompts_dir)
    assert "{" not in told
    for category in Category:
        assert f"  {category.value}: " in told
    for field in ModelAnswer.model_fields:
        assert field in told, field


@pytest.mark.parametrize(
    "text",
    [None, "version = ", 'version = 2\nsystem = "{categories}"', 'version = 1\nsystem = "x"'],
)
def test_a_file_of_another_form_is_one_sentence(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_instructions(tmp_path)
    assert len(str(caught.value).splitlines()) == 1
