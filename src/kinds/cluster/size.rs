//! Instance sizes: what their names say.
use serde_json::Value;

/// An instance size: those of one class are ordered by their number.
#[derive(Clone)]
pub(super) struct Size {
    /// As Atlas writes it: `M40_NVME`.
    pub name: String,
    /// What is left without the number: `M_NVME`.
    pub class: String,
    /// 40.
    pub number: u32,
}

impl Size {
    /// `M40_NVME` is number 40 of class `M_NVME`; what has no number is no size.
    pub fn read(value: &Value) -> Option<Self> {
        let name = value.as_str()?;
        let from = name.find(|character: char| character.is_ascii_digit())?;
        let digits = name[from..].find(|character: char| !character.is_ascii_digit()).unwrap_or(name.len() - from);
        let number = name[from..from + digits].parse().ok()?;
        let class = format!("{}{}", &name[..from], &name[from + digits..]);
        Some(Self { name: name.to_owned(), class, number })
    }
}

/// Whether the nodes of a size keep their data on disks of their own.
pub(super) fn is_nvme(size: &Value) -> bool {
    size.as_str().is_some_and(|name| name.contains("_NVME"))
}

/// The CEL expression that compares two sizes by their numbers when they are of one class (`M…` or `R…`, with the same
/// ending); sizes of different classes have no order, and Atlas decides.
pub(super) fn ordered(one: &str, order: &str, other: &str) -> String {
    let shape = "'^[MR][0-9]{1,4}(_[A-Z0-9_]+)?$'";
    let class = |size: &str| format!("{size}.replace({size}.substring(1).split('_')[0], '')");
    let number = |size: &str| format!("int({size}.substring(1).split('_')[0])");
    format!(
        "(!{one}.matches({shape}) || !{other}.matches({shape}) || {} != {} || {} {order} {})",
        class(one),
        class(other),
        number(one),
        number(other)
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sizes_have_an_order_within_their_class() {
        let size = |name: &str| Size::read(&json!(name)).map(|size| (size.class, size.number));
        assert_eq!(size("M10"), Some(("M".into(), 10)));
        assert_eq!(size("R200"), Some(("R".into(), 200)));
        assert_eq!(size("M40_NVME_GEN_2"), Some(("M_NVME_GEN_2".into(), 40)));
        assert_eq!(size("FLEX"), None);
    }
}
