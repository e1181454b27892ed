using System.Diagnostics.CodeAnalysis;

// The names of telemetry are what others may build on (PublicAPI.Unshipped.txt). What compilers make public is nobody's interface.
[assembly: SuppressMessage("ApiDesign", "RS0016", Scope = "namespaceanddescendants", Target = "~N:DurableGateway.Dashboard.Pages",
    Justification = "Razor makes pages public.")]
[assembly: SuppressMessage("ApiDesign", "RS0041", Scope = "namespaceanddescendants", Target = "~N:DurableGateway.Dashboard.Pages",
    Justification = "Razor makes pages public.")]
