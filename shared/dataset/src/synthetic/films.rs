//! The catalogue: films in scenes, some of them in series.
//!
//! A scene is what film lovers explore: one main genre, one era, some forty films that share their
//! audience. Scenes are hidden; only genres, years and titles show.

use std::collections::HashSet;

use super::random::Random;
use super::words::{ADJECTIVES, GENRES, NAMES, NOUNS, PLACES, SEQUELS};

/// Films in a scene, roughly.
const SCENE_FILMS: usize = 40;
/// Other films that a film leads to.
const NEIGHBOURS: usize = 6;

pub(super) struct Film {
    pub title: String,
    /// Positions in [`GENRES`], the main genre first.
    pub genres: Vec<usize>,
    pub year: i64,
    pub scene: usize,
    /// How much it is watched on the whole, relative to others.
    pub weight: f64,
    /// How good it is, from 0 to 1.
    pub quality: f64,
    /// Day on which it came to the service.
    pub added: i64,
    /// The next part of its series.
    pub sequel: Option<usize>,
    /// Films that its audience turns to next, the likeliest first.
    pub neighbours: Vec<usize>,
}

pub(super) struct Catalogue {
    pub films: Vec<Film>,
    /// For each scene its films.
    pub scenes: Vec<Vec<usize>>,
    /// For each scene growing sums of its films' weights.
    pub scene_sums: Vec<Vec<f64>>,
    /// Growing sums of all weights.
    pub sums: Vec<f64>,
}

impl Catalogue {
    /// Makes `count` films that come to the service over `days` days.
    pub fn new(count: usize, days: i64, random: &mut Random) -> Self {
        let scene_count = count.div_ceil(SCENE_FILMS).max(1);
        let mut films: Vec<Film> = Vec::with_capacity(count);
        let mut titles = HashSet::new();
        let eras: Vec<(usize, i64)> =
            (0..scene_count).map(|s| (s % GENRES.len(), random.between(1955, 2012))).collect();
        while films.len() < count {
            let scene = random.below(scene_count);
            let parts = if random.chance(0.12) { random.between(2, 5) as usize } else { 1 };
            let parts = parts.min(count - films.len());
            add_series(&mut films, parts, scene, eras[scene], days, &mut titles, random);
        }
        let mut scenes = vec![Vec::new(); scene_count];
        for (number, film) in films.iter().enumerate() {
            scenes[film.scene].push(number);
        }
        link(&mut films, &scenes, random);
        let sums = growing(films.iter().map(|film| film.weight));
        let scene_sums =
            scenes.iter().map(|scene| growing(scene.iter().map(|&film| films[film].weight))).collect();
        Self { films, scenes, scene_sums, sums }
    }
}

fn growing(weights: impl Iterator<Item = f64>) -> Vec<f64> {
    weights
        .scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        })
        .collect()
}

fn add_series(
    films: &mut Vec<Film>,
    parts: usize,
    scene: usize,
    (main_genre, era): (usize, i64),
    days: i64,
    titles: &mut HashSet<String>,
    random: &mut Random,
) {
    let base = new_title(titles, random);
    let mut genres = vec![main_genre];
    for _ in 0..random.below(3) {
        let genre = random.below(GENRES.len());
        if !genres.contains(&genre) {
            genres.push(genre);
        }
    }
    let mut year = era + random.between(0, 11);
    // A few films are watched by many: a long tail of the kind 1 / rank.
    let weight = 1.0 / (0.02 + random.unit());
    let quality = (random.unit() + random.unit() + random.unit()) / 3.0;
    // Most of the catalogue is there from the start.
    let added = if random.chance(0.7) { 0 } else { random.between(1, days * 9 / 10) };
    let numbered = random.chance(0.5);
    for part in 0..parts {
        let title = match part {
            0 => base.clone(),
            _ if numbered => format!("{base} {}", ["II", "III", "IV", "V"][part - 1]),
            _ => format!("{base}: {}", SEQUELS[(films.len() + part) % SEQUELS.len()]),
        };
        let number = films.len();
        films.push(Film {
            title: unique(title, year, titles),
            genres: genres.clone(),
            year: year.min(2024),
            scene,
            weight: weight * (10.0 - part as f64) / 10.0,
            quality: quality * (12.0 - part as f64) / 12.0,
            added,
            sequel: (part + 1 < parts).then_some(number + 1),
            neighbours: vec![],
        });
        year += random.between(1, 4);
    }
}

fn new_title(titles: &HashSet<String>, random: &mut Random) -> String {
    let mut title = String::new();
    for _ in 0..20 {
        title = match random.below(10) {
            0..4 => format!("The {} {}", random.pick(ADJECTIVES), random.pick(NOUNS)),
            4 => format!("{} {}", random.pick(ADJECTIVES), random.pick(NOUNS)),
            5 => format!("The {} of {}", random.pick(NOUNS), random.pick(PLACES)),
            6 => format!("{} and the {}", random.pick(NAMES), random.pick(NOUNS)),
            7 => format!("Goodbye, {}", random.pick(PLACES)),
            8 => {
                let (first, second) = (random.pick(NOUNS), random.pick(NOUNS));
                if first == second {
                    format!("The Two {first}s")
                } else {
                    format!("The {first} and the {second}")
                }
            }
            _ => format!("{}'s {}", random.pick(NAMES), random.pick(NOUNS)),
        };
        if !titles.contains(&title) {
            break;
        }
    }
    title
}

/// The title, with its year and then a number behind it where it is taken.
fn unique(title: String, year: i64, titles: &mut HashSet<String>) -> String {
    let mut candidate = title.clone();
    for attempt in 1.. {
        if titles.insert(candidate.clone()) {
            break;
        }
        candidate =
            if attempt == 1 { format!("{title} ({year})") } else { format!("{title} ({year}, {attempt})") };
    }
    candidate
}

/// Gives every film its neighbours: most in its own scene, one or two in the scene beside it.
fn link(films: &mut [Film], scenes: &[Vec<usize>], random: &mut Random) {
    for (number, film) in films.iter_mut().enumerate() {
        let scene = film.scene;
        let beside = (scene + 1) % scenes.len();
        let mut neighbours: Vec<usize> = Vec::with_capacity(NEIGHBOURS);
        for wanted in 0..NEIGHBOURS {
            let from =
                if wanted == 3 && !scenes[beside].is_empty() { &scenes[beside] } else { &scenes[scene] };
            let other = *random.pick(from);
            if other != number && !neighbours.contains(&other) {
                neighbours.push(other);
            }
        }
        film.neighbours = neighbours;
    }
}
