//! The QR code of the pending setup: black on white with a quiet zone, in any colour scheme.

use axum::{
    http::{HeaderValue, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use countersign_engine::{
    Error, Fault,
    core::{Secret, view::SetupView},
};
use qrcode::{Color, EcLevel, QrCode, render::svg};

use crate::{SignedIn, Visitor, message::Message};

/// The quiet zone around the code, in modules (ISO/IEC 18004).
const QUIET: usize = 4;
/// The size of a module, in pixels.
const SCALE: usize = 8;

const SVG: HeaderValue = HeaderValue::from_static("image/svg+xml; charset=utf-8");
const PNG: HeaderValue = HeaderValue::from_static("image/png");

pub(super) async fn svg(visitor: Visitor, SignedIn(signed_in): SignedIn) -> Response {
    serve(&visitor, &signed_in, SVG, |code| Ok(code.render::<svg::Color<'_>>().quiet_zone(true).build().into_bytes()))
        .await
}

pub(super) async fn png(visitor: Visitor, SignedIn(signed_in): SignedIn) -> Response {
    serve(&visitor, &signed_in, PNG, |code| pixels(code).map_err(|error| Fault::because("draw a QR image", error)))
        .await
}

async fn serve(
    visitor: &Visitor,
    signed_in: &countersign_engine::SignedIn,
    kind: HeaderValue,
    draw: impl Fn(&QrCode) -> Result<Vec<u8>, Fault>,
) -> Response {
    let Some(attempt) = &visitor.cookies().setup else { return Message::NotFound.show(visitor).await };
    let uri = match visitor.engine().setup(signed_in, attempt).await {
        Ok(SetupView { key: Some(key), .. }) => key.uri,
        Ok(_) | Err(Error::Refused(_)) => return Message::NotFound.show(visitor).await,
        Err(Error::Faulted(fault)) => return visitor.fault(&fault),
    };
    match encode(&uri).and_then(|code| draw(&code)) {
        Ok(image) => ([(CONTENT_TYPE, kind)], image).into_response(),
        Err(fault) => visitor.fault(&fault),
    }
}

fn encode(uri: &Secret) -> Result<QrCode, Fault> {
    QrCode::with_error_correction_level(uri.expose(), EcLevel::M)
        .map_err(|error| Fault::because("encode a QR image", error))
}

/// The code as a PNG with one bit per pixel.
fn pixels(code: &QrCode) -> Result<Vec<u8>, png::EncodingError> {
    let modules = code.to_colors();
    let rows: Vec<_> = modules.chunks(code.width()).collect();
    let side = code.width().saturating_add(2 * QUIET).saturating_mul(SCALE);
    let dark = |x: usize, y: usize| {
        let module = |pixel: usize| (pixel / SCALE).checked_sub(QUIET);
        let color = module(y).and_then(|row| rows.get(row)).zip(module(x)).and_then(|(row, column)| row.get(column));
        color == Some(&Color::Dark)
    };
    let mut data = Vec::with_capacity(side.saturating_mul(side.div_ceil(8)));
    for y in 0..side {
        for byte in 0..side.div_ceil(8) {
            data.push((0..8).fold(0_u8, |bits, bit| bits << 1 | u8::from(!dark(byte * 8 + bit, y))));
        }
    }
    let mut image = Vec::new();
    let side = u32::try_from(side).unwrap_or(u32::MAX);
    let mut encoder = png::Encoder::new(&mut image, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    encoder.write_header()?.write_image_data(&data)?;
    Ok(image)
}
