//! "Did you mean": the word that was probably meant. It never decides anything, it only guesses.

/// The candidate that is nearest to a word, where one is near enough to be worth saying.
#[must_use]
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let bound = (word.chars().count() / 3).clamp(1, 3);
    let distance = |candidate: &str| strsim::damerau_levenshtein(&word, &candidate.to_lowercase());
    let scored =
        candidates.into_iter().map(|candidate| (score(&word, candidate, distance(candidate)), candidate));
    scored
        .filter(|(score, _)| *score <= bound)
        .min_by_key(|(score, _)| *score)
        .map(|(_, candidate)| candidate)
}

/// The same word but for hyphens, underscores and case costs nothing, and so does a beginning of it.
fn score(word: &str, candidate: &str, distance: usize) -> usize {
    if same_word(word, candidate) {
        return 0;
    }
    let longer = candidate.len().abs_diff(word.len());
    let beginning =
        word.len() >= 3 && (candidate.starts_with(word) || word.starts_with(candidate)) && longer <= 6;
    if beginning { distance.min(1) } else { distance }
}

/// Whether two words differ in hyphens, underscores and case alone.
fn same_word(a: &str, b: &str) -> bool {
    let plain = |word: &str| word.replace(['-', '_'], "").to_lowercase();
    plain(a) == plain(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let words = ["trusted_proxies", "addresses", "http", "https"];
        assert_eq!(closest("trusted-proxies", words), Some("trusted_proxies"));
        assert_eq!(closest("trustedProxies", words), Some("trusted_proxies"));
        assert_eq!(closest("adresses", words), Some("addresses"));
        assert_eq!(closest("htps", words), Some("https"));
        assert_eq!(closest("colour", words), None);
        assert_eq!(closest("", words), None);
    }
}
