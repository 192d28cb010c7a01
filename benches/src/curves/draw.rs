//! A curve as a drawing.

use std::error::Error;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::Curve;

const SIZE: (u32, u32) = (720, 360);
const COLORS: [RGBColor; 2] = [RGBColor(31, 119, 180), RGBColor(214, 39, 40)];

/// Draws each measured thing above what varies, on a logarithmic scale where that spans much.
pub(super) fn svg(curve: &Curve, path: &Path) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let parts = root.split_evenly((1, curve.up.len()));
    for (index, (part, up)) in parts.iter().zip(curve.up).enumerate() {
        let points: Vec<(f64, f64)> = curve
            .points
            .iter()
            .filter_map(|(x, values)| Some((*x, *values.get(index)?)))
            .collect();
        panel(part, curve.across, up, &points, COLORS[index % COLORS.len()])?;
    }
    root.present()?;
    Ok(())
}

fn panel(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    across: &str,
    up: &str,
    points: &[(f64, f64)],
    color: RGBColor,
) -> Result<(), Box<dyn Error>> {
    let left = points.first().map_or(0.0, |(x, _)| *x);
    let right = points.last().map_or(1.0, |(x, _)| *x);
    let top = points.iter().map(|(_, y)| *y).fold(0.0, f64::max) * 1.1;
    let mut chart = ChartBuilder::on(area);
    chart
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(64)
        .caption(up, ("sans-serif", 16));
    let marks = || {
        points
            .iter()
            .map(move |point| Circle::new(*point, 3, color.filled()))
    };
    // The two kinds of scale are two types.
    if left > 0.0 && right / left > 100.0 {
        let mut chart = chart.build_cartesian_2d((left..right).log_scale(), 0.0..top)?;
        chart.configure_mesh().x_desc(across).draw()?;
        chart.draw_series(LineSeries::new(points.iter().copied(), color))?;
        chart.draw_series(marks())?;
    } else {
        let mut chart = chart.build_cartesian_2d(left..right, 0.0..top)?;
        chart.configure_mesh().x_desc(across).draw()?;
        chart.draw_series(LineSeries::new(points.iter().copied(), color))?;
        chart.draw_series(marks())?;
    }
    Ok(())
}
