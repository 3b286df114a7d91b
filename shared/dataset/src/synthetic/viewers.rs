//! What viewers do: evenings on which they rate films, moods that last for a while, series watched
//! in order.

use super::films::Catalogue;
use super::random::Random;

pub(super) const DAY: i64 = 86_400;

/// One rating.
pub(super) struct Event {
    pub user: usize,
    pub film: usize,
    pub time: i64,
    /// Half stars, 1 to 10.
    pub half_stars: i64,
}

/// How many ratings each user gives: at least `min` where the total allows it, few users many.
pub(super) fn activity(users: usize, total: usize, films: usize, random: &mut Random) -> Vec<usize> {
    let max = (films / 2).max(1);
    let min = (total / users / 4).clamp(1, 20).min(max);
    let weights: Vec<f64> = (0..users)
        .map(|_| {
            let u = random.unit();
            // Heavy on the left with a tail of some fifteen times the median.
            0.15 + u * u / (1.05 - u)
        })
        .collect();
    let sum: f64 = weights.iter().sum();
    let shared = total.saturating_sub(min * users) as f64;
    let mut counts: Vec<usize> =
        weights.iter().map(|w| (min + (shared * w / sum) as usize).min(max)).collect();
    // Rounding and the cap leave a rest, which goes round.
    let mut given: usize = counts.iter().sum();
    while given < total && counts.iter().any(|&count| count < max) {
        for count in counts.iter_mut().filter(|count| **count < max) {
            if given < total {
                *count += 1;
                given += 1;
            }
        }
    }
    counts
}

/// One viewer's ratings in the order of time.
pub(super) fn watch(
    user: usize,
    count: usize,
    catalogue: &Catalogue,
    (start, days): (i64, i64),
    random: &mut Random,
) -> Vec<Event> {
    let mut viewer = Viewer::new(catalogue, random);
    let sittings = sittings(count, random);
    // The viewer is active for a while within the period, once or several times a week.
    let active = (sittings.len() as i64 * random.between(2, 6)).clamp(1, days);
    let first_day = random.between(0, days - active);
    let mut days_of: Vec<i64> = sittings.iter().map(|_| first_day + random.between(0, active - 1)).collect();
    days_of.sort_unstable();
    let mut events: Vec<Event> = Vec::with_capacity(count);
    let mut clock = 0;
    for (films, day) in sittings.into_iter().zip(days_of) {
        // From 18:00 to 22:00, or right after the sitting before when that took longer.
        let evening = start + day * DAY + random.between(18 * 3_600, 22 * 3_600);
        clock = evening.max(clock + 3 * 3_600);
        for _ in 0..films {
            clock += random.between(25, 400);
            let film = viewer.next_film(catalogue, (clock - start) / DAY, random);
            let half_stars = viewer.rate(film, catalogue, random);
            events.push(Event { user, film, time: clock, half_stars });
        }
    }
    events
}

/// How many films on each evening: 1 to 12, four on average.
fn sittings(count: usize, random: &mut Random) -> Vec<usize> {
    let mut left = count;
    let mut sittings = vec![];
    while left > 0 {
        let mut films = 1;
        while films < 12 && random.chance(0.75) {
            films += 1;
        }
        let films = films.min(left);
        sittings.push(films);
        left -= films;
    }
    sittings
}

struct Viewer {
    /// Scenes that the viewer likes.
    favourites: Vec<usize>,
    /// The one being explored.
    mood: usize,
    seen: Vec<bool>,
    last: Option<usize>,
    /// Strict or generous, in half stars.
    bias: i64,
}

impl Viewer {
    fn new(catalogue: &Catalogue, random: &mut Random) -> Self {
        let count = random.between(3, 6) as usize;
        let favourites: Vec<usize> = (0..count).map(|_| random.below(catalogue.scenes.len())).collect();
        Self {
            mood: favourites[0],
            favourites,
            seen: vec![false; catalogue.films.len()],
            last: None,
            bias: random.between(-1, 1),
        }
    }

    /// Chooses the next unseen film and remembers it.
    fn next_film(&mut self, catalogue: &Catalogue, day: i64, random: &mut Random) -> usize {
        if random.chance(1.0 / 18.0) {
            self.mood = *random.pick(&self.favourites);
        }
        let film = self
            .follow(catalogue, day, random)
            .or_else(|| random.chance(0.75).then(|| self.explore(catalogue, day, random)).flatten())
            .or_else(|| self.popular(catalogue, day, random))
            .unwrap_or_else(|| self.any_unseen(catalogue, random));
        self.seen[film] = true;
        self.last = Some(film);
        film
    }

    fn is_open(&self, film: usize, catalogue: &Catalogue, day: i64) -> bool {
        !self.seen[film] && catalogue.films[film].added <= day
    }

    /// What the last film leads to: the next part of its series, else one of its neighbours.
    fn follow(&self, catalogue: &Catalogue, day: i64, random: &mut Random) -> Option<usize> {
        let last = &catalogue.films[self.last?];
        let sequel = last.sequel.filter(|&film| self.is_open(film, catalogue, day));
        if sequel.is_some() && random.chance(0.7) {
            return sequel;
        }
        if !random.chance(0.5) {
            return None;
        }
        // The first unseen neighbour with probability 0.5, the next with 0.25, and so on.
        last.neighbours.iter().copied().find(|&film| self.is_open(film, catalogue, day) && random.chance(0.5))
    }

    fn explore(&self, catalogue: &Catalogue, day: i64, random: &mut Random) -> Option<usize> {
        let (films, sums) = (&catalogue.scenes[self.mood], &catalogue.scene_sums[self.mood]);
        if films.is_empty() {
            return None;
        }
        (0..24).map(|_| films[random.weighted(sums)]).find(|&film| self.is_open(film, catalogue, day))
    }

    /// What everybody watches: popular films, the more so the newer they are on the service.
    fn popular(&self, catalogue: &Catalogue, day: i64, random: &mut Random) -> Option<usize> {
        (0..60).find_map(|_| {
            let film = random.weighted(&catalogue.sums);
            let age_weeks = (day - catalogue.films[film].added).max(0) / 7;
            let freshness = 0.25 + 0.75 / (1.0 + age_weeks as f64 / 4.0);
            (self.is_open(film, catalogue, day) && random.chance(freshness)).then_some(film)
        })
    }

    /// The last resort of somebody who has seen almost everything.
    fn any_unseen(&self, catalogue: &Catalogue, random: &mut Random) -> usize {
        let start = random.below(catalogue.films.len());
        let around = (start..catalogue.films.len()).chain(0..start);
        around.clone().find(|&film| !self.seen[film]).unwrap_or(start)
    }

    fn rate(&self, film: usize, catalogue: &Catalogue, random: &mut Random) -> i64 {
        let film = &catalogue.films[film];
        let liked = i64::from(self.favourites.contains(&film.scene));
        let quality = (film.quality * 6.0) as i64;
        (3 + quality + liked + self.bias + random.between(-1, 1)).clamp(1, 10)
    }
}
