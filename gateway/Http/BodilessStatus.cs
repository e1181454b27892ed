using Microsoft.Net.Http.Headers;

namespace DurableGateway.Http;

/// <summary>Identifies responses without a body by their status.</summary>
internal static class BodilessStatus
{
    /// <summary>A response of this status has no body (RFC 9110 §6.4.1, §15.3.6).</summary>
    public static bool Includes(int status) =>
        status is < StatusCodes.Status200OK or StatusCodes.Status204NoContent or StatusCodes.Status205ResetContent
            or StatusCodes.Status304NotModified;

    /// <summary>A response of this status may declare the length of another response (RFC 9110 §8.6).</summary>
    public static bool MayDeclareLength(int status) => status is StatusCodes.Status304NotModified || !Includes(status);

    /// <summary>Removes the headers that Kestrel does not send with the status.</summary>
    public static void Fit(HttpResponse response)
    {
        if (!Includes(response.StatusCode)) return;
        if (!MayDeclareLength(response.StatusCode)) response.Headers.Remove(HeaderNames.ContentLength);
        response.Headers.Remove(HeaderNames.TransferEncoding);
        response.Headers.Remove(HeaderNames.Trailer);
    }
}
