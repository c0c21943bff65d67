from fractions import Fraction

import numpy as np
import pytest
import torch

from ccharmony import console
from ccharmony.errors import ImageError, OutputError, SettingsError, SourceError
from ccharmony.images import pixels
from harmonize import cli
from harmonize.inference import adjustment
from harmonize.inference.adjustment import Adjustment
from harmonize.video.job import harmonize_video
from harmonize.video.reading import open_footage

from .conftest import draw_frames, write_video

GAIN = (0.5, 0.8, 1.2)


@pytest.fixture
def clip(tmp_path, video_kit):
    """A lossless video with sound and uneven times, and its masks."""
    times = [0, 100, 150, 300, 400, 410, 600, 700]
    video = video_kit.write(tmp_path / "in.mkv", video_kit.draw_frames(), pts=times, sound=True)
    return video, video_kit.write(tmp_path / "masks.mkv", video_kit.gray(video_kit.draw_masks()), pts=times)


def test_the_foreground_is_changed_and_the_background_keeps_its_bits(clip, tmp_path, video_kit, nets):
    assert harmonize_video(*clip, tmp_path / "out.mkv", nets.Recolor(GAIN)) == []
    before, after = video_kit.planes(clip[0]), video_kit.planes(tmp_path / "out.mkv")
    assert len(after) == 8
    for old, new, mask in zip(before, after, video_kit.draw_masks(), strict=True):
        for plane, changed in zip(old, new, strict=True):
            np.testing.assert_array_equal(plane[mask == 0], changed[mask == 0])
    for frame, mask in zip(video_kit.read(tmp_path / "out.mkv"), video_kit.draw_masks(), strict=True):
        np.testing.assert_allclose(frame[mask == 1].mean(axis=0), np.multiply((200, 150, 90), GAIN), atol=2.5)


def test_times_sound_and_tags_are_those_of_the_source(clip, tmp_path, video_kit, nets):
    import av

    harmonize_video(*clip, tmp_path / "out.mkv", nets.Recolor(GAIN))
    assert video_kit.times(tmp_path / "out.mkv") == [0, 0.1, 0.15, 0.3, 0.4, 0.41, 0.6, 0.7]
    assert video_kit.packets(tmp_path / "out.mkv", "audio") == video_kit.packets(clip[0], "audio")
    with av.open(str(tmp_path / "out.mkv")) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("ffv1", "yuv444p")
        tags = (context.colorspace, context.color_range, context.color_trc, context.color_primaries)
        assert tags == (1, 1, 1, 1)


class Fickle(torch.nn.Module):
    """Brightens each picture by another factor: it flickers."""

    def __init__(self) -> None:
        super().__init__()
        self.factors = iter([1.3, 0.8, 1.2, 0.7, 1.1, 0.9, 1.25, 0.75] * 4)

    def forward(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
        return ((image * std + mean) * next(self.factors) - mean) / std


@pytest.mark.parametrize(("smoothing", "low", "high"), [(0, 60, 130), (1, 0, 3)])
def test_answers_that_differ_from_frame_to_frame_flicker_only_without_smoothing(
    tmp_path, video_kit, smoothing, low, high
):
    video = video_kit.write(tmp_path / "in.mkv", video_kit.draw_frames())
    masks = video_kit.write(tmp_path / "m.mkv", video_kit.gray(video_kit.draw_masks()))
    harmonize_video(video, masks, tmp_path / "out.mkv", Fickle(), smoothing=smoothing)
    frames = zip(video_kit.read(tmp_path / "out.mkv"), video_kit.draw_masks(), strict=True)
    levels = [float(frame[mask == 1].mean()) for frame, mask in frames]
    assert low <= max(abs(np.diff(levels))) <= high


def test_masks_may_be_a_folder_or_one_picture(tmp_path, video_kit, nets):
    video = video_kit.write(tmp_path / "in.mkv", video_kit.draw_frames(12))
    (tmp_path / "masks").mkdir()
    for number, mask in enumerate(video_kit.draw_masks(12)):
        pixels.write_mask(tmp_path / "masks" / f"{number}.png", mask)  # 10.png comes after 9.png
    harmonize_video(video, tmp_path / "masks", tmp_path / "out.mkv", nets.Recolor(GAIN))
    for frame, mask in zip(video_kit.read(tmp_path / "out.mkv"), video_kit.draw_masks(12), strict=True):
        np.testing.assert_allclose(frame[mask == 1].mean(axis=0), np.multiply((200, 150, 90), GAIN), atol=2.5)
    harmonize_video(video, tmp_path / "masks" / "0.png", tmp_path / "one.mkv", nets.Recolor(GAIN))
    for (
        plane,
        changed,
    ) in zip(video_kit.planes(video), video_kit.planes(tmp_path / "one.mkv"), strict=True):
        np.testing.assert_array_equal(plane[0] != changed[0], video_kit.draw_masks(1)[0] > 0)


@pytest.mark.parametrize(
    ("count", "said"),
    [(7, "no mask from frame 8 on, the video goes on"), (9, "a mask at frame 9, the video ends before")],
)
def test_masks_that_are_too_few_or_too_many_are_refused_and_nothing_is_written(tmp_path, video_kit, nets, count, said):
    video = video_kit.write(tmp_path / "in.mkv", video_kit.draw_frames())
    masks = video_kit.write(tmp_path / "m.mkv", video_kit.gray(video_kit.draw_masks(count)))
    with pytest.raises(SourceError, match=said):
        harmonize_video(video, masks, tmp_path / "out.mkv", nets.Recolor(GAIN))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv", "m.mkv"]


def test_masks_of_another_rate_go_by_time_and_that_is_said(tmp_path, video_kit, nets):
    video = video_kit.write(tmp_path / "in.mkv", video_kit.draw_frames(), rate=10)
    masks = video_kit.write(tmp_path / "m.mkv", video_kit.gray(video_kit.draw_masks()[::2]), rate=5)
    notes = harmonize_video(video, masks, tmp_path / "out.mkv", nets.Recolor(GAIN))
    assert notes == [f"{masks}: 5 frames a second, its video has 10; they go by time"]
    planes = zip(video_kit.planes(video), video_kit.planes(tmp_path / "out.mkv"), strict=True)
    for number, (old, new) in enumerate(planes):
        changed = old[0] != new[0]
        assert not changed[video_kit.draw_masks()[number // 2 * 2] == 0].any()
        assert changed.any()


def test_masks_of_another_size_are_resized_and_said_and_of_another_shape_refused(tmp_path, video_kit, nets):
    video = video_kit.write(tmp_path / "in.mkv", video_kit.draw_frames())
    double = [np.kron(mask, np.ones((2, 2), np.float32)) for mask in video_kit.draw_masks()]
    masks = video_kit.write(tmp_path / "m.mkv", video_kit.gray(double))
    notes = harmonize_video(video, masks, tmp_path / "out.mkv", nets.Recolor(GAIN))
    assert notes == [f"{masks}: mask of 128x72 resized to 64x36"]
    masks = video_kit.write(tmp_path / "n.mkv", video_kit.gray(mask[:, :36] for mask in double))
    with pytest.raises(ImageError, match="mask of 36x72, its photo is 64x36"):
        harmonize_video(video, masks, tmp_path / "out2.mkv", nets.Recolor(GAIN))


def test_a_video_of_a_phone_is_turned_upright(tmp_path, video_kit, nets):
    upright, masks = video_kit.draw_frames(), video_kit.draw_masks()
    lying = [np.rot90(frame, 1) for frame in upright]  # as the sensor saw it
    video = video_kit.write(tmp_path / "in.mp4", lying, codec="libx264", kind="yuv420p", turned=-90)
    (tmp_path / "m").mkdir()
    for number, mask in enumerate(masks):
        pixels.write_mask(tmp_path / "m" / f"{number}.png", mask)
    harmonize_video(video, tmp_path / "m", tmp_path / "out.mp4", nets.Recolor(GAIN))
    frames = video_kit.read(tmp_path / "out.mp4")
    assert frames[0].shape == (36, 64, 3)
    for frame, before, mask in zip(frames, upright, masks, strict=True):
        assert abs(frame[mask == 0].astype(int) - before[mask == 0]).mean() < 4
        np.testing.assert_allclose(frame[mask == 1].mean(axis=0), np.multiply((200, 150, 90), GAIN), atol=5)


def test_ten_bits_are_kept(tmp_path, video_kit, nets):
    import av

    frames, masks = video_kit.draw_frames(), video_kit.draw_masks()
    video = video_kit.write(tmp_path / "in.mkv", frames, kind="yuv422p10le")
    found = video_kit.write(tmp_path / "m.mkv", video_kit.gray(masks))
    harmonize_video(video, found, tmp_path / "out.mkv", nets.Recolor(GAIN))
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv422p10le"
    for frame, mask in zip(video_kit.read(tmp_path / "out.mkv"), masks, strict=True):
        np.testing.assert_allclose(frame[mask == 1].mean(axis=0), np.multiply((200, 150, 90), GAIN), atol=2.5)


def test_odd_sides_are_kept(tmp_path, video_kit, nets):
    frames, masks = video_kit.draw_frames(8, 35, 63), video_kit.draw_masks(8, 35, 63)
    video = video_kit.write(tmp_path / "in.mkv", frames, kind="yuv420p")
    found = video_kit.write(tmp_path / "m.mkv", video_kit.gray(masks))
    harmonize_video(video, found, tmp_path / "out.mp4", nets.Recolor(GAIN))
    for frame, mask in zip(video_kit.read(tmp_path / "out.mp4"), masks, strict=True):
        assert frame.shape == (35, 63, 3)
        np.testing.assert_allclose(frame[mask == 1].mean(axis=0), np.multiply((200, 150, 90), GAIN), atol=5)


def test_high_dynamic_range_is_refused(tmp_path, video_kit, nets):
    video = video_kit.write(tmp_path / "in.mkv", video_kit.draw_frames(), kind="yuv420p10le", curve=18)
    masks = video_kit.write(tmp_path / "m.mkv", video_kit.gray(video_kit.draw_masks()))
    with pytest.raises(SourceError, match=r"in\.mkv: its transfer curve is HLG \(HDR\)"):
        harmonize_video(video, masks, tmp_path / "out.mkv", nets.Recolor(GAIN))


def test_what_is_no_video_is_refused_in_one_line(tmp_path, video_kit, nets):
    masks = video_kit.write(tmp_path / "m.mkv", video_kit.gray(video_kit.draw_masks()))
    (tmp_path / "list.mp4").write_text("#EXTM3U\n#EXTINF:1,\nm.mkv\n")
    with pytest.raises(SourceError, match=r"list\.mp4: no video"):
        harmonize_video(tmp_path / "list.mp4", masks, tmp_path / "out.mkv", nets.Recolor())
    with pytest.raises(SourceError, match="cannot be read"):
        harmonize_video(tmp_path / "absent.mp4", masks, tmp_path / "out.mkv", nets.Recolor())
    with pytest.raises(OutputError, match=r"\.gif is no video to write"):
        harmonize_video(masks, masks, tmp_path / "out.gif", nets.Recolor())
    with pytest.raises(SettingsError, match="smoothing"):
        harmonize_video(masks, masks, tmp_path / "out.mkv", nets.Recolor(), smoothing=-1)


def test_a_video_cut_off_in_the_middle_is_named(tmp_path, video_kit, nets):
    video = video_kit.write(tmp_path / "in.mp4", video_kit.draw_frames(30), codec="libx264", kind="yuv420p")
    (tmp_path / "cut.mp4").write_bytes(video.read_bytes()[:-300])
    pixels.write_mask(tmp_path / "m.png", video_kit.draw_masks(1)[0])
    with pytest.raises(SourceError, match=r"cut\.mp4"):
        harmonize_video(tmp_path / "cut.mp4", tmp_path / "m.png", tmp_path / "out.mp4", nets.Recolor(GAIN))
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize(("name", "codec"), [("in.mkv", "ffv1"), ("in.avi", "ffv1"), ("in.webm", "libvpx-vp9")])
def test_a_video_whose_end_is_missing_is_named_also_where_ffmpeg_says_nothing(name, codec, tmp_path, video_kit, nets):
    kind = "yuv444p" if codec == "ffv1" else "yuv420p"
    video = video_kit.write(tmp_path / name, video_kit.draw_frames(30), codec=codec, kind=kind, clock=10)
    pixels.write_mask(tmp_path / "m.png", video_kit.draw_masks(1)[0])
    harmonize_video(video, tmp_path / "m.png", tmp_path / "whole.mkv", nets.Recolor(GAIN))
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    with pytest.raises(SourceError, match=rf"{name}: ends after [0-9.]+ s, its header says 3\.00 s; cut off"):
        harmonize_video(video, tmp_path / "m.png", tmp_path / "out.mkv", nets.Recolor(GAIN))
    assert not (tmp_path / "out.mkv").exists()


def test_a_frame_that_ffmpeg_cannot_decode_whole_is_named(tmp_path, video_kit, nets):
    options = {"g": "2", "bf": "0", "crf": "5"}
    video = video_kit.write(
        tmp_path / "in.mkv", video_kit.draw_frames(), codec="libx264", kind="yuv420p", options=options
    )
    packet = video_kit.packets(video, "video")[4]
    video.write_bytes(video.read_bytes().replace(packet, packet[:60] + bytes(len(packet) - 60)))
    pixels.write_mask(tmp_path / "m.png", video_kit.draw_masks(1)[0])
    with pytest.raises(SourceError, match=r"in\.mkv: frame 5 \(0\.40 s\) is damaged; encode it anew"):
        harmonize_video(video, tmp_path / "m.png", tmp_path / "out.mkv", nets.Recolor(GAIN))
    assert not (tmp_path / "out.mkv").exists()


def test_an_avi_with_b_frames_is_shown_in_order(tmp_path, video_kit, nets):
    frames = [np.full((36, 64, 3), 60 + 8 * number, np.uint8) for number in range(12)]
    video = video_kit.write(
        tmp_path / "in.avi", frames, codec="libx264", kind="yuv420p", clock=10, options={"bf": "3", "b_strategy": "0"}
    )
    pixels.write_mask(tmp_path / "m.png", video_kit.draw_masks(1)[0])
    harmonize_video(video, tmp_path / "m.png", tmp_path / "out.mkv", nets.Recolor())
    assert video_kit.times(tmp_path / "out.mkv") == pytest.approx([0.1 * number for number in range(12)], abs=2e-3)
    shown = [frame[:4].mean() for frame in video_kit.read(tmp_path / "out.mkv")]
    assert shown == sorted(shown)


def test_one_adjustment_serves_for_all_frames(tmp_path, video_kit):
    video = video_kit.write(tmp_path / "in.mkv", video_kit.draw_frames())
    masks = video_kit.write(tmp_path / "m.mkv", video_kit.gray(video_kit.draw_masks()))
    half = [(0.5 * (number + 0.5) / 32) for number in range(32)]
    curves = np.array([half, half, half])
    adjustment.write_json(tmp_path / "p.json", Adjustment(curves, np.zeros((4, 4))))
    harmonize_video(video, masks, tmp_path / "out.mkv", adjustment=tmp_path / "p.json")
    for frame, mask in zip(video_kit.read(tmp_path / "out.mkv"), video_kit.draw_masks(), strict=True):
        np.testing.assert_allclose(frame[mask == 1].mean(axis=0), (100, 75, 45), atol=2.5)


def test_the_command_harmonizes_a_video_and_refuses_options_of_pictures(tmp_path, video_kit, capsys):
    video = video_kit.write(tmp_path / "in.mkv", video_kit.draw_frames())
    masks = video_kit.write(tmp_path / "m.mkv", video_kit.gray(video_kit.draw_masks()))
    words = ["apply", str(video), str(masks), "-o", str(tmp_path / "out.mkv"), "--device", "cpu"]
    assert run(words) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'out.mkv'}\n"
    assert len(video_kit.read(tmp_path / "out.mkv")) == 8
    assert run(words) == 1
    assert "out.mkv: exists already" in capsys.readouterr().err
    assert run([*words, "--force", "--before-after", str(tmp_path / "b.png")]) == 2
    assert "--before-after is for pictures, in.mkv is a video" in capsys.readouterr().err


def run(words: list[str]) -> int:
    with pytest.raises(SystemExit) as stop:
        console.run(cli.group, words)
    assert isinstance(stop.value.code, int)
    return stop.value.code


def test_pixels_that_are_not_square_stay_so_also_turned(tmp_path, video_kit, nets):
    import av

    frames, masks = video_kit.draw_frames(4), video_kit.draw_masks(4)
    for turned, expected in ((0, Fraction(16, 15)), (90, Fraction(15, 16))):
        source = video_kit.write(
            tmp_path / "in.mp4", frames, codec="libx264", kind="yuv420p", pixel=Fraction(16, 15), turned=turned
        )
        upright = [np.ascontiguousarray(np.rot90(mask, turned // 90)) for mask in masks]
        beside = video_kit.write(tmp_path / "masks.mkv", video_kit.gray(upright))
        harmonize_video(source, beside, tmp_path / "out.mp4", nets.Recolor(GAIN))
        with av.open(str(tmp_path / "out.mp4")) as found:
            assert found.streams.video[0].sample_aspect_ratio == expected


def test_fields_stay_fields_in_h264_and_that_they_are_lost_elsewhere_is_said(tmp_path, video_kit, nets):
    import av

    frames, masks = video_kit.draw_frames(4), video_kit.draw_masks(4)
    beside = video_kit.write(tmp_path / "masks.mkv", video_kit.gray(masks))
    source = video_kit.write(tmp_path / "in.mp4", frames, codec="libx264", kind="yuv420p", fields=True)
    assert harmonize_video(source, beside, tmp_path / "out.mp4", nets.Recolor(GAIN)) == []
    with av.open(str(tmp_path / "out.mp4")) as found:
        assert all(frame.interlaced_frame for frame in found.decode(video=0))
    (coded, whole) = harmonize_video(source, beside, tmp_path / "out.webm", nets.Recolor(GAIN))
    assert ("coded as vp9" in coded, "interlaced in the source" in whole) == (True, True)


@pytest.mark.parametrize(
    ("name", "codec", "kind"),
    [
        ("a.mkv", "ffv1", "yuva420p"),
        ("a.mov", "prores_ks", "yuva444p10le"),
        ("a.webm", "libvpx-vp9", "yuva420p"),
    ],
)
def test_alpha_of_a_video_is_its_mask_and_that_a_result_has_none_is_said(tmp_path, video_kit, nets, name, codec, kind):
    frames, masks = video_kit.draw_frames(4), video_kit.draw_masks(4)
    cut = video_kit.write(tmp_path / name, frames, codec=codec, kind=kind, alpha=masks, options={})
    source = video_kit.write(tmp_path / "in.mkv", frames, kind="yuv444p")
    notes = harmonize_video(source, cut, tmp_path / "out.mkv", nets.Recolor(GAIN))
    assert [note.split(": ", 1)[1] for note in notes] == ["the alpha channel is the mask where it is not opaque"]
    for before, after, mask in zip(frames, video_kit.read(tmp_path / "out.mkv"), masks, strict=True):
        changed = np.abs(after.astype(int) - before).max(axis=2) > 12
        assert (changed == (mask > 0.5)).mean() > 0.97
    notes = harmonize_video(cut, cut, tmp_path / f"out{cut.suffix}", nets.Recolor(GAIN))
    assert f"{tmp_path / f'out{cut.suffix}'}: without the alpha of the source" in notes


def test_a_number_that_masks_leave_out_is_named(tmp_path, video_kit, nets):
    frames, masks = video_kit.draw_frames(5), video_kit.draw_masks(5)
    source = video_kit.write(tmp_path / "in.mkv", frames)
    (tmp_path / "masks").mkdir()
    for number in (1, 2, 4, 5):
        pixels.write_mask(tmp_path / "masks" / f"m_{number:02d}.png", masks[number - 1])
    with pytest.raises(SourceError, match=r"no mask from frame 5 on.* \(no number between m_02.png and m_04.png\)"):
        harmonize_video(source, tmp_path / "masks", tmp_path / "out.mkv", nets.Recolor(GAIN))
    pixels.write_mask(tmp_path / "masks" / "m_06.png", masks[-1])
    (note,) = harmonize_video(source, tmp_path / "masks", tmp_path / "out.mkv", nets.Recolor(GAIN))
    assert note.endswith("no number between m_02.png and m_04.png; masks are taken in their order")


@pytest.mark.parametrize("codec", ["ffv1", "libx264"])
def test_a_color_video_is_no_mask(tmp_path, video_kit, nets, codec):
    frames = video_kit.draw_frames(3)
    source = video_kit.write(tmp_path / "in.mkv", frames)
    red = [np.where(mask[..., None] > 0, np.uint8([255, 0, 0]), np.uint8(0)) for mask in video_kit.draw_masks(3)]
    for name, wrong in (("same.mkv", frames), ("red.mkv", red)):
        masks = video_kit.write(tmp_path / name, wrong, codec=codec, kind="yuv420p")
        with pytest.raises(ImageError, match=f"{name}: a color video, masks are black and white"):
            harmonize_video(source, masks, tmp_path / "out.mkv", nets.Recolor(GAIN))


def test_a_video_of_an_unknown_codec_is_refused_in_one_line(tmp_path):
    path = write_video(tmp_path / "a.mkv", draw_frames(2))
    path.write_bytes(path.read_bytes().replace(b"V_FFV1", b"V_NONE"))
    with pytest.raises(SourceError, match=r"a.mkv: coded in a way that FFmpeg does not know"), open_footage(path):
        pass
