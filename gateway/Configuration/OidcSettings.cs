namespace DurableGateway.Configuration;

/// <summary>An OpenID provider whose tokens the admin API takes.</summary>
/// <param name="Authority">Its issuer URL, without a slash at the end.</param>
/// <param name="Audience">What tokens for this gateway have in <c>aud</c>.</param>
/// <param name="RoleClaim">The claim that has the role.</param>
internal sealed record OidcSettings(string Authority, string Audience, string RoleClaim);
