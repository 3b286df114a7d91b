//! Writes a generated data set: `generate FOLDER [USERS ITEMS INTERACTIONS SEED]`.

use dataset::synthetic::{SyntheticOptions, generate};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder =
        std::path::PathBuf::from(arguments.next().ok_or("generate FOLDER [USERS ITEMS INTERACTIONS SEED]")?);
    let numbers = arguments.map(|text| text.parse()).collect::<Result<Vec<u64>, _>>()?;
    let default = SyntheticOptions::default();
    let size = |at: usize, or: usize| numbers.get(at).map_or(or, |&n| n as usize);
    let options = SyntheticOptions {
        users: size(0, default.users),
        items: size(1, default.items),
        interactions: size(2, default.interactions),
        seed: numbers.get(3).copied().unwrap_or(default.seed),
    };
    let data = generate(&options);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("ratings.csv"), data.ratings_csv)?;
    std::fs::write(folder.join("items.csv"), data.items_csv)?;
    Ok(())
}
