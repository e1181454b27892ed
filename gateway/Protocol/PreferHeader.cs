using System.Globalization;
using Microsoft.Extensions.Primitives;

namespace DurableGateway.Protocol;

/// <summary>The preferences of RFC 7240 that the gateway supports.</summary>
internal static class PreferHeader
{
    /// <summary>Whether the client prefers <c>respond-async</c> (§4.1).</summary>
    public static bool RespondAsync(StringValues prefer) => prefer.Count > 0 && prefer.Any(line => (line ?? "").Split(',').Any(part =>
        part.Split(';')[0].Split('=')[0].Trim().Equals("respond-async", StringComparison.OrdinalIgnoreCase)));

    /// <summary>The time of <c>wait=N</c>, in seconds (§4.3); <see langword="null"/> if it is absent.</summary>
    public static TimeSpan? Wait(StringValues prefer)
    {
        foreach (var line in prefer)
        {
            foreach (var part in (line ?? "").Split(','))
            {
                var preference = part.Split(';')[0].Split('=', 2);
                if (preference.Length == 2 && preference[0].Trim().Equals("wait", StringComparison.OrdinalIgnoreCase)
                    && int.TryParse(preference[1].Trim().Trim('"'), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
                    return TimeSpan.FromSeconds(seconds);
            }
        }

        return null;
    }
}
