namespace DurableGateway.Configuration;

/// <summary>An OpenID provider whose tokens the admin API accepts.</summary>
/// <param name="Authority">The issuer URL, without a trailing slash.</param>
/// <param name="Audience">The value that <c>aud</c> must contain.</param>
/// <param name="RoleClaim">The claim that contains the role.</param>
internal sealed record OidcSettings(string Authority, string Audience, string RoleClaim);
