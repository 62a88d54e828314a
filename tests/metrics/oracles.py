"""Plain NumPy and float64 versions of the metrics, written from the protocol's definitions alone.

Nothing here is fast and nothing here is shared with the package: every sum is a loop that can be read against the text.
"""

import math

import numpy as np

POWERS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
C1 = (0.01 * 255.0) ** 2
C2 = (0.03 * 255.0) ** 2


def region_side(size):
    """Side of the top-left region at image size ``size``."""
    return max(8, round(10 * size / 128))


def region(image):
    """The top-left region of an image [3, S, S], in float64 levels."""
    side = region_side(image.shape[-1])
    return np.asarray(image)[:, :side, :side].astype(np.float64)


def gaussian_window(size):
    """Two-dimensional Gaussian of ``size`` points centred between its ends, standard deviation 1.5 * size / 11."""
    sigma = 1.5 * size / 11
    centre = (size - 1) / 2
    window = np.zeros((size, size))
    for row in range(size):
        for column in range(size):
            distance = (row - centre) ** 2 + (column - centre) ** 2
            window[row, column] = math.exp(-distance / (2 * sigma**2))
    return window / window.sum()


def downsample(plane):
    """Mean of rows and columns (i, i + 1), the last standing in for a missing neighbour; then every second."""
    height, width = plane.shape
    out = np.zeros(((height + 1) // 2, (width + 1) // 2))
    for row in range(0, height, 2):
        for column in range(0, width, 2):
            below, right = min(row + 1, height - 1), min(column + 1, width - 1)
            total = plane[row, column] + plane[row, right] + plane[below, column] + plane[below, right]
            out[row // 2, column // 2] = total / 4
    return out


def ssim_and_contrast(a, b):
    """Mean SSIM and mean contrast term over the channels and "valid" positions of [3, h, w]."""
    channels, height, width = a.shape
    size = min(11, height, width)
    window = gaussian_window(size)
    ssim, contrast = [], []
    for channel in range(channels):
        for row in range(height - size + 1):
            for column in range(width - size + 1):
                p = a[channel, row : row + size, column : column + size]
                q = b[channel, row : row + size, column : column + size]
                mean_p, mean_q = (window * p).sum(), (window * q).sum()
                var_p = (window * (p - mean_p) ** 2).sum()
                var_q = (window * (q - mean_q) ** 2).sum()
                covariance = (window * (p - mean_p) * (q - mean_q)).sum()
                luminance = (2 * mean_p * mean_q + C1) / (mean_p**2 + mean_q**2 + C1)
                structure = (2 * covariance + C2) / (var_p + var_q + C2)
                ssim.append(luminance * structure)
                contrast.append(structure)
    return sum(ssim) / len(ssim), sum(contrast) / len(contrast)


def background_terms(result, source):
    """The five terms of the region's MS-SSIM, before clipping and powers: four contrast terms, then the full SSIM."""
    a, b = region(result), region(source)
    terms = []
    for scale in range(5):
        ssim, contrast = ssim_and_contrast(a, b)
        terms.append(ssim if scale == 4 else contrast)
        a = np.stack([downsample(plane) for plane in a])
        b = np.stack([downsample(plane) for plane in b])
    return np.array(terms)


def background_ms_ssim(result, source):
    """Background MS-SSIM of one image, negative terms clipped at 0."""
    product = 1.0
    for term, power in zip(background_terms(result, source), POWERS, strict=True):
        product *= max(term, 0.0) ** power
    return product


def background_ms_ssim_as_released(results, sources):
    """The released code's order: terms averaged over all images first, then the powers, nothing clipped."""
    terms = [background_terms(result, source) for result, source in zip(results, sources, strict=True)]
    product = 1.0
    for scale, power in enumerate(POWERS):
        mean = sum(term[scale] for term in terms) / len(terms)
        product *= mean**power if mean >= 0 else math.nan
    return product


def background_mae(result, source):
    """Mean absolute difference of the region, in levels."""
    return float(np.abs(region(result) - region(source)).mean())


def psnr(a, b):
    """PSNR of two arrays of 8-bit levels in dB, 100 where they are identical."""
    error = np.mean((np.asarray(a).astype(np.float64) - np.asarray(b).astype(np.float64)) ** 2)
    return 100.0 if error == 0 else min(100.0, 10 * math.log10(255.0**2 / error))


def background_psnr(result, source):
    """PSNR of the region."""
    return psnr(region(result), region(source))


def _split_score(rows):
    """exp of the mean divergence of each row from the rows' marginal."""
    marginal = [sum(row[c] for row in rows) / len(rows) for c in range(len(rows[0]))]
    total = 0.0
    for row in rows:
        for c, p in enumerate(row):
            if p > 0:
                total += p * (math.log(p) - math.log(marginal[c]))
    return math.exp(total / len(rows))


def inception_score(posterior, num_splits=10, counts=None):
    """(mean, population standard deviation) over the splits of the permuted rows [N, C].

    ``counts`` [N] says how often each row stands in the split it belongs to.
    """
    posterior = np.asarray(posterior, dtype=np.float64)
    number = len(posterior)
    order = np.random.RandomState(2020).permutation(number)  # the published convention
    scores = []
    for i in range(num_splits):
        chosen = []
        for index in order[i * number // num_splits : (i + 1) * number // num_splits]:
            chosen += [posterior[index].tolist()] * (1 if counts is None else int(counts[index]))
        scores.append(_split_score(chosen))
    mean = sum(scores) / num_splits
    return mean, math.sqrt(sum((score - mean) ** 2 for score in scores) / num_splits)


def joint_posterior(heads):
    """Product over heads per image: [N, m_1 * m_2 * ...], the last head's values changing fastest."""
    rows = []
    for n in range(len(heads[0])):
        row = [1.0]
        for head in heads:
            row = [p * float(q) for p in row for q in head[n]]
        rows.append(row)
    return np.array(rows)


def accuracy(posterior, expected):
    """Share of the applicable rows (expected >= 0) whose most probable value is the expected one."""
    hits = [int(np.argmax(row)) == want for row, want in zip(posterior, expected, strict=True) if want >= 0]
    return sum(hits) / len(hits)


def balanced_accuracy(posterior, expected):
    """Mean, over the values that occur among the applicable rows, of the accuracy on that value's rows."""
    values = sorted({int(want) for want in expected if want >= 0})
    shares = []
    for value in values:
        rows = [row for row, want in zip(posterior, expected, strict=True) if want == value]
        shares.append(sum(int(np.argmax(row)) == value for row in rows) / len(rows))
    return sum(shares) / len(shares)


def mean_absolute_distance(result, reference, region=None):
    """Mean absolute distance of [3, S, S] in levels over the pixels of ``region`` [S, S]; nan where it is empty."""
    total, number = 0.0, 0
    _, height, width = result.shape
    for row in range(height):
        for column in range(width):
            if region is None or region[row, column]:
                for channel in range(3):
                    total += abs(float(result[channel, row, column]) - float(reference[channel, row, column]))
                    number += 1
    return total / number if number else math.nan


def whole_window(size):
    """Two-dimensional Gaussian of an odd number of points about its middle one, standard deviation 1.5."""
    middle = size // 2
    window = np.zeros((size, size))
    for row in range(size):
        for column in range(size):
            window[row, column] = math.exp(-((row - middle) ** 2 + (column - middle) ** 2) / (2 * 1.5**2))
    return window / window.sum()


def window_means(plane, window):
    """Means of a plane [h, w] under a window at every position inside it, one offset after another."""
    size = len(window)
    height, width = plane.shape[0] - size + 1, plane.shape[1] - size + 1
    total = np.zeros((height, width))
    for row in range(size):
        for column in range(size):
            total += window[row, column] * plane[row : row + height, column : column + width]
    return total


def whole_ssim_and_contrast(a, b, size):
    """SSIM and contrast of each channel [C, h, w], means over the positions: two lists."""
    window = whole_window(size)
    ssim, contrast = [], []
    for p, q in zip(a, b, strict=True):
        mean_p, mean_q = window_means(p, window), window_means(q, window)
        var_p = window_means(p**2, window) - mean_p**2
        var_q = window_means(q**2, window) - mean_q**2
        covariance = window_means(p * q, window) - mean_p * mean_q
        structure = (2 * covariance + C2) / (var_p + var_q + C2)
        ssim.append(((2 * mean_p * mean_q + C1) / (mean_p**2 + mean_q**2 + C1) * structure).mean())
        contrast.append(structure.mean())
    return ssim, contrast


def ssim(result, source):
    """SSIM of the whole image: 11-point window, the mean over channels."""
    a, b = (np.asarray(image).astype(np.float64) for image in (result, source))
    values, _ = whole_ssim_and_contrast(a, b, 11)
    return sum(values) / len(values)


def ms_ssim(result, source, size):
    """MS-SSIM of the whole image: powers per channel, clipped at 0, the mean over channels; zeros around odd sides."""
    a, b = (np.asarray(image).astype(np.float64) for image in (result, source))
    products = [1.0] * len(a)
    for scale, power in enumerate(POWERS):
        if scale:
            odd = a.shape[1] % 2
            a, b = (
                np.pad(x, ((0, 0), (odd, odd), (odd, odd)))[:, : x.shape[1] + odd, : x.shape[1] + odd] for x in (a, b)
            )
            a, b = (x.reshape(len(x), x.shape[1] // 2, 2, x.shape[2] // 2, 2).mean((2, 4)) for x in (a, b))
        ssims, contrasts = whole_ssim_and_contrast(a, b, size)
        for channel, term in enumerate(ssims if scale == 4 else contrasts):
            products[channel] *= max(term, 0.0) ** power
    return sum(products) / len(products)


def cosine(a, b):
    """Cosine of the angle between two vectors."""
    product = sum(float(x) * float(y) for x, y in zip(a, b, strict=True))
    return product / math.sqrt(sum(float(x) ** 2 for x in a)) / math.sqrt(sum(float(y) ** 2 for y in b))


def expected_calibration_error(posterior, labels, counts=None):
    """Guo et al.: over the bins (b/15, (b+1)/15] of the confidence, |images right - confidence| by images."""
    rows = []
    for n, (row, label) in enumerate(zip(posterior, labels, strict=True)):
        if label >= 0:
            confidence = max(float(p) for p in row)
            hit = [float(p) for p in row].index(confidence) == label
            rows += [(confidence, hit)] * (1 if counts is None else int(counts[n]))
    error = 0.0
    for b in range(15):
        inside = [(c, h) for c, h in rows if b / 15 < c <= (b + 1) / 15 or (b == 14 and c > 1)]
        if inside:
            accuracy = sum(h for _, h in inside) / len(inside)
            confidence = sum(c for c, _ in inside) / len(inside)
            error += len(inside) / len(rows) * abs(accuracy - confidence)
    return error
