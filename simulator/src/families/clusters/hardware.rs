//! Providers, regions and instance sizes: what exists, what is offered where, and what comes with it.
//!
//! The AWS regions are those that Atlas listed for M10 in August 2026; the other names are the specification's, without
//! government and Chinese regions. In which regions Atlas leaves out which size is known for no provider but in outline:
//! free and flex clusters run in few regions, NVMe sizes not in the youngest. The lists say which.

/// A cloud provider.
pub struct Provider {
    pub name: &'static str,
    pub regions: &'static [&'static str],
    /// Dedicated sizes.
    pub sizes: &'static [&'static str],
    /// Regions with free and flex clusters. Production has more than the two that were recorded on a test environment.
    pub tenant_regions: &'static [&'static str],
    /// Regions that Atlas marks as defaults (recorded for AWS, assumed for the others).
    pub recommended: &'static [&'static str],
    /// Regions without NVMe sizes (assumed).
    regions_without_nvme: &'static [&'static str],
}

#[rustfmt::skip]
pub const PROVIDERS: &[Provider] = &[
    Provider {
        name: "AWS",
        regions: &[
            "US_EAST_1", "US_EAST_2", "US_WEST_1", "US_WEST_2", "CA_CENTRAL_1", "EU_NORTH_1", "EU_WEST_1", "EU_WEST_2",
            "EU_WEST_3", "EU_CENTRAL_1", "EU_CENTRAL_2", "SA_EAST_1", "AP_EAST_1", "AP_EAST_2", "AP_SOUTHEAST_2",
            "AP_SOUTHEAST_3", "AP_SOUTHEAST_4", "AP_SOUTHEAST_5", "AP_SOUTHEAST_6", "AP_SOUTHEAST_7", "AP_NORTHEAST_1",
            "AP_NORTHEAST_2", "AP_NORTHEAST_3", "AP_SOUTHEAST_1", "AP_SOUTH_1", "AP_SOUTH_2", "ME_CENTRAL_1",
            "ME_SOUTH_1", "AF_SOUTH_1", "EU_SOUTH_1", "EU_SOUTH_2", "IL_CENTRAL_1", "CA_WEST_1", "MX_CENTRAL_1",
        ],
        sizes: &[
            "M10", "M20", "M30", "M40", "M50", "M60", "M80", "M100", "M140", "M200", "M300", "R40", "R50", "R60", "R80",
            "R200", "R300", "R400", "R700", "M40_NVME", "M50_NVME", "M60_NVME", "M80_NVME", "M200_NVME", "M400_NVME",
            "M30_GEN_2", "M40_GEN_2", "M50_GEN_2", "M60_GEN_2", "M80_GEN_2", "M140_GEN_2", "M200_GEN_2", "M300_GEN_2",
            "R40_GEN_2", "R50_GEN_2", "R60_GEN_2", "R80_GEN_2", "R200_GEN_2", "R300_GEN_2", "R400_GEN_2", "R700_GEN_2",
            "M40_NVME_GEN_2", "M50_NVME_GEN_2", "M60_NVME_GEN_2", "M80_NVME_GEN_2", "M200_NVME_GEN_2",
            "M400_NVME_GEN_2",
        ],
        tenant_regions: &[
            "US_EAST_1", "US_EAST_2", "US_WEST_2", "EU_WEST_1", "EU_CENTRAL_1", "EU_NORTH_1", "EU_WEST_3", "SA_EAST_1",
            "AP_SOUTHEAST_1", "AP_SOUTHEAST_2", "AP_NORTHEAST_1", "AP_NORTHEAST_2", "AP_SOUTH_1", "CA_CENTRAL_1",
            "ME_SOUTH_1", "AF_SOUTH_1",
        ],
        recommended: &["US_EAST_1", "US_WEST_2"],
        regions_without_nvme: &[
            "AP_EAST_2", "AP_SOUTHEAST_5", "AP_SOUTHEAST_6", "AP_SOUTHEAST_7", "CA_WEST_1", "IL_CENTRAL_1",
            "MX_CENTRAL_1",
        ],
    },
    Provider {
        name: "AZURE",
        regions: &[
            "US_CENTRAL", "US_EAST", "US_EAST_2", "US_NORTH_CENTRAL", "US_WEST", "US_SOUTH_CENTRAL", "EUROPE_NORTH",
            "EUROPE_WEST", "US_WEST_CENTRAL", "US_WEST_2", "US_WEST_3", "CANADA_EAST", "CANADA_CENTRAL", "BRAZIL_SOUTH",
            "BRAZIL_SOUTHEAST", "AUSTRALIA_CENTRAL", "AUSTRALIA_CENTRAL_2", "AUSTRALIA_EAST", "AUSTRALIA_SOUTH_EAST",
            "GERMANY_WEST_CENTRAL", "GERMANY_NORTH", "SWEDEN_CENTRAL", "SWEDEN_SOUTH", "SWITZERLAND_NORTH",
            "SWITZERLAND_WEST", "UK_SOUTH", "UK_WEST", "NORWAY_EAST", "NORWAY_WEST", "INDIA_CENTRAL", "INDIA_SOUTH",
            "INDIA_WEST", "ASIA_EAST", "JAPAN_EAST", "JAPAN_WEST", "ASIA_SOUTH_EAST", "KOREA_CENTRAL", "KOREA_SOUTH",
            "FRANCE_CENTRAL", "FRANCE_SOUTH", "SOUTH_AFRICA_NORTH", "SOUTH_AFRICA_WEST", "UAE_CENTRAL", "UAE_NORTH",
            "QATAR_CENTRAL", "POLAND_CENTRAL", "ISRAEL_CENTRAL", "ITALY_NORTH", "SPAIN_CENTRAL", "MEXICO_CENTRAL",
            "NEW_ZEALAND_NORTH",
        ],
        sizes: &[
            "M10", "M20", "M30", "M40", "M50", "M60", "M80", "M90", "M200", "R40", "R50", "R60", "R80", "R200", "R300",
            "R400", "M60_NVME", "M80_NVME", "M200_NVME", "M300_NVME", "M400_NVME", "M600_NVME",
        ],
        tenant_regions: &["US_EAST_2", "US_WEST", "CANADA_CENTRAL", "EUROPE_NORTH", "EUROPE_WEST", "ASIA_EAST"],
        recommended: &["US_EAST_2"],
        regions_without_nvme: &["MEXICO_CENTRAL", "NEW_ZEALAND_NORTH", "SPAIN_CENTRAL", "ISRAEL_CENTRAL"],
    },
    Provider {
        name: "GCP",
        regions: &[
            "EASTERN_US", "US_EAST_4", "US_EAST_5", "US_WEST_2", "US_WEST_3", "US_WEST_4", "US_SOUTH_1", "CENTRAL_US",
            "WESTERN_US", "NORTH_AMERICA_NORTHEAST_1", "NORTH_AMERICA_NORTHEAST_2", "NORTH_AMERICA_SOUTH_1",
            "SOUTH_AMERICA_EAST_1", "SOUTH_AMERICA_WEST_1", "WESTERN_EUROPE", "EUROPE_NORTH_1", "EUROPE_WEST_2",
            "EUROPE_WEST_3", "EUROPE_WEST_4", "EUROPE_WEST_6", "EUROPE_WEST_8", "EUROPE_WEST_9", "EUROPE_WEST_10",
            "EUROPE_WEST_12", "EUROPE_SOUTHWEST_1", "EUROPE_CENTRAL_2", "MIDDLE_EAST_CENTRAL_1",
            "MIDDLE_EAST_CENTRAL_2", "MIDDLE_EAST_WEST_1", "AUSTRALIA_SOUTHEAST_1", "AUSTRALIA_SOUTHEAST_2",
            "AFRICA_SOUTH_1", "EASTERN_ASIA_PACIFIC", "NORTHEASTERN_ASIA_PACIFIC", "SOUTHEASTERN_ASIA_PACIFIC",
            "ASIA_EAST_2", "ASIA_NORTHEAST_2", "ASIA_NORTHEAST_3", "ASIA_SOUTH_1", "ASIA_SOUTH_2", "ASIA_SOUTHEAST_2",
        ],
        sizes: &[
            "M10", "M20", "M30", "M40", "M50", "M60", "M80", "M140", "M200", "M250", "M300", "M400", "R40", "R50",
            "R60", "R80", "R200", "R300", "R400", "R600", "M30_GEN_2", "M40_GEN_2", "M50_GEN_2", "M60_GEN_2",
            "M80_GEN_2", "M140_GEN_2", "M200_GEN_2", "R40_GEN_2", "R50_GEN_2", "R60_GEN_2", "R80_GEN_2", "R200_GEN_2",
            "R300_GEN_2", "R400_GEN_2",
        ],
        tenant_regions: &[
            "CENTRAL_US", "WESTERN_EUROPE", "NORTHEASTERN_ASIA_PACIFIC", "SOUTHEASTERN_ASIA_PACIFIC",
            "SOUTH_AMERICA_EAST_1", "ASIA_SOUTH_1",
        ],
        recommended: &["CENTRAL_US"],
        regions_without_nvme: &[],
    },
];

/// The one free size.
pub const FREE: &str = "M0";

impl Provider {
    pub fn named(name: &str) -> Option<&'static Self> {
        PROVIDERS.iter().find(|provider| provider.name == name)
    }

    /// The regions that offer a size, `M0` and `FLEX` included.
    pub fn regions_offering(&self, size: &str) -> impl Iterator<Item = &'static str> {
        let regions = if [FREE, "FLEX"].contains(&size) { self.tenant_regions } else { self.regions };
        let excluded: &[&str] = if is_nvme(size) { self.regions_without_nvme } else { &[] };
        let known = [FREE, "FLEX"].contains(&size) || self.sizes.contains(&size);
        regions.iter().copied().filter(move |region| known && !excluded.contains(region))
    }

    pub fn offers(&self, size: &str, region: &str) -> bool {
        self.regions_offering(size).any(|offered| offered == region)
    }
}

/// Where a size stands among the others: the number in its name, so that M40, R40 and M40_NVME are alike.
pub fn rank(size: &str) -> u32 {
    let digits: String = size.chars().skip(1).take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(u32::MAX)
}

/// Whether the nodes of a size keep their data on disks of their own, of which the size cannot be chosen.
pub fn is_nvme(size: &str) -> bool {
    size.contains("NVME")
}

/// Disks in GB by the number in a size: of this number and below, on network storage and on NVMe.
const DISKS: [(u32, f64, f64); 11] = [
    (20, 30.0, 380.0),
    (30, 40.0, 380.0),
    (40, 80.0, 380.0),
    (50, 160.0, 760.0),
    (60, 320.0, 1600.0),
    (90, 750.0, 1600.0),
    (140, 1000.0, 1600.0),
    (200, 1500.0, 3100.0),
    (300, 2000.0, 4000.0),
    (400, 3000.0, 4000.0),
    (u32::MAX, 4096.0, 4000.0),
];

/// The disk in GB that a size gets when none is asked for. M10 and M30 are recorded (August 2026; M10 had 10 and 8
/// before), the others are the published ones.
pub fn default_disk(size: &str) -> f64 {
    let number = rank(size);
    let (_, network, nvme) =
        DISKS.into_iter().find(|(largest, ..)| number <= *largest).unwrap_or(DISKS[DISKS.len() - 1]);
    if is_nvme(size) { nvme } else { network }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_size_is_offered_where_its_provider_says() {
        let aws = Provider::named("AWS").unwrap();
        assert!(aws.offers("M10", "MX_CENTRAL_1"));
        assert!(!aws.offers("M40_NVME", "MX_CENTRAL_1"));
        assert!(aws.offers("M0", "US_EAST_1") && !aws.offers("M0", "EU_SOUTH_2"));
        assert!(!aws.offers("M90", "US_EAST_1"), "an Azure size");
    }

    #[test]
    fn every_provider_is_consistent() {
        for provider in PROVIDERS {
            for region in provider.tenant_regions.iter().chain(provider.regions_without_nvme) {
                assert!(provider.regions.contains(region), "{} {region}", provider.name);
            }
        }
    }
}
