"""Nicknames, other spellings and name lists that no library provides.

Rules:

- A nickname line starts with the formal name; the rest are what people are called instead.
- The names of a variant line are one name in several spellings; each may stand for any other.
- The lists of Somali and Arabic names are romanised; no list of real persons was used.
"""

from __future__ import annotations

NICKNAMES = """
Abigail Abby Gail | Alexander Alex Xander Al | Alexandra Alex Lexi Sandra | Alexis Alex Lexi | Alfred Al Fred
Allison Allie | Amanda Mandy | Andrea Andie | Andrew Andy Drew | Angela Angie | Anthony Tony | Antonio Tony
Barbara Barb | Benjamin Ben Benny | Bradley Brad | Brandon Bran | Brittany Britt | Calvin Cal | Cameron Cam
Cassandra Cassie | Catherine Cathy Kate Cate | Charles Charlie Chuck | Charlotte Charlie Lottie
Christian Chris | Christina Chris Tina Christy | Christine Chris Chrissy | Christopher Chris Topher Kit
Clifford Cliff | Crystal Crys | Curtis Curt | Cynthia Cindy | Daniel Dan Danny | Danielle Dani | David Dave Davey
Deborah Deb Debbie | Dennis Denny | Donald Don Donnie | Dorothy Dot Dottie | Douglas Doug | Edward Ed Eddie Ted
Eleanor Ellie Nora | Elizabeth Liz Beth Lizzie Eliza Betty | Emily Em | Eric Rick | Ernest Ernie
Eugene Gene | Evelyn Evie | Frances Fran | Francis Frank | Franklin Frank | Frederick Fred Freddie
Gabriel Gabe | Gabriela Gaby | Gabrielle Gabby | Gary Gar | Gerald Jerry | Gregory Greg | Harold Harry
Heather Heath | Henry Hank Harry | Howard Howie | Isabella Bella Izzy | Isabel Izzy Bell | Jacob Jake
Jacqueline Jackie | James Jim Jimmy Jamie | Janet Jan | Jasmine Jaz | Jeffrey Jeff | Jennifer Jen Jenny
Jeremy Jerry | Jessica Jess Jessie | Jesus Chuy | Joanna Jo | John Jack Johnny | Jonathan Jon Johnny
Jose Pepe Joe | Joseph Joe Joey | Joshua Josh | Juan John | Judith Judy | Julia Julie | Julian Jules
Katherine Kate Katie Kathy Kat | Kathleen Kathy Katie | Kathryn Kathy Kate | Katrina Kat Trina | Kayla Kay
Kelsey Kels | Kenneth Ken Kenny | Kimberly Kim | Kristen Kris | Kristin Kris | Kristina Kris Tina
Lawrence Larry | Leonard Leo Len | Leslie Les | Lillian Lily | Lindsay Linds | Louis Lou | Lucas Luke
Madeline Maddie | Madison Maddie | Margaret Maggie Meg Peggy Marge | Maria Mary | Marisa Mari
Martin Marty | Matthew Matt Matty | Megan Meg | Melissa Missy Mel | Melvin Mel | Michael Mike Mikey Mick
Michelle Shelly Micki | Miguel Mike | Mitchell Mitch | Miranda Randi | Morgan Mo | Nancy Nan | Natalie Nat
Natasha Tasha | Nathan Nate | Nathaniel Nate Nathan | Nicholas Nick Nicky | Nicole Nikki Nicki | Olivia Liv
Pamela Pam | Patricia Pat Patty Trish | Patrick Pat Paddy | Paula Polly | Peter Pete | Philip Phil
Phillip Phil | Priscilla Cilla | Rachel Rach | Randall Randy | Raymond Ray | Rebecca Becky Becca
Reginald Reggie | Ricardo Rick | Richard Rick Dick Rich Richie | Robert Bob Rob Bobby Robbie | Roberto Beto
Rodney Rod | Roger Rog | Ronald Ron Ronnie | Russell Russ | Ryan Ry | Sabrina Bri | Samantha Sam Sammy
Samuel Sam Sammy | Sandra Sandy | Sara Sally | Sarah Sally Sadie | Savannah Savvy | Sebastian Seb
Shannon Shan | Sharon Shari | Sophia Sophie | Stanley Stan | Stephanie Steph | Stephen Steve | Steven Steve
Susan Sue Susie | Suzanne Sue | Sydney Syd | Tabitha Tabby | Taylor Tay | Teresa Terry Tess | Terrence Terry
Theodore Ted Teddy Theo | Theresa Terry Tess | Thomas Tom Tommy | Timothy Tim Timmy | Tiffany Tiff
Tyler Ty | Valerie Val | Vanessa Nessa | Veronica Ronnie | Victor Vic | Victoria Vicky Tori | Vincent Vince Vinny
Virginia Ginny | Walter Walt | Wesley Wes | William Will Bill Billy Liam | Zachary Zach Zack
Guadalupe Lupe | Francisco Paco Pancho Frank | Rosario Chayo | Alejandro Alex | Alejandra Alex Ale
Guillermo Memo | Ignacio Nacho | Eduardo Eddie Lalo | Luz Lucy | Rafael Rafa | Enrique Kike Henry
Esperanza Hope | Beatriz Betty | Fernando Nando | Leonardo Leo | Daniela Dani | Santiago Santi | Mohamed Mo
Abdirahman Abdi | Abdullahi Abdi | Khadija Kadija | Fatuma Fatu
"""

VARIANTS = """
Aaron Aron | Adrian Adrien | Aidan Aiden Aydan | Alan Allan Allen | Alicia Alisha Alesha | Allison Alison Alyson
Amy Amie Aimee | Ann Anne | Anna Ana | Anthony Antony | Ashley Ashlee Ashleigh | Brandon Branden | Brian Bryan
Brittany Brittney Britney | Caitlin Kaitlyn Katelyn Caitlyn | Cameron Kameron | Carl Karl | Carla Karla
Caroline Carolyn | Casey Kasey | Catherine Katherine Kathryn Katharine | Chelsea Chelsey | Cheryl Sheryl
Christian Kristian | Christina Kristina | Christine Kristine | Christopher Kristopher | Cindy Cyndi | Claire Clare
Connor Conner Conor | Courtney Kourtney | Craig Kraig | Cristina Christina | Crystal Krystal | Dana Dayna
Danielle Daniele | Darren Darrin Daren | Deborah Debra | Denise Denice | Derek Derrick | Desiree Desirae
Diana Dianna | Dylan Dillon Dillan | Elizabeth Elisabeth | Emily Emilee Emely | Eric Erik Erick | Erica Erika
Evan Evin | Felicia Felisha | Gabriela Gabriella | Geoffrey Jeffrey Jeffery | Graham Graeme
Haley Hailey Hayley | Hannah Hanna | Heather Hether | Isabel Isabelle Isobel | Isabella Izabella | Isaac Issac
Jaclyn Jacquelyn | Jacqueline Jaqueline | Jaime Jamie | Jasmine Jasmin Jazmin | Jayden Jaden Jaiden
Jesse Jessie | Jillian Gillian | Joel Joell | Jon John | Jonathan Johnathan Jonathon
Jordan Jordyn | Joseph Josef | Julia Giulia | Justin Justyn | Kaitlin Caitlin | Karen Karin | Kathleen Cathleen
Kayla Kaila | Kelly Kelley Kellie | Kristen Kristin Kirsten | Kyle Kile | Lauren Lauryn Loren | Leah Lea
Leslie Lesley | Lindsay Lindsey | Lisa Liza | Logan Logen | Lucas Lukas | Luis Louis | Madison Madyson Maddison
Makayla Mikayla Michaela | Marc Mark | Marcus Markus | Margaret Margret | Maria Mariah
Marissa Marisa | Mathew Matthew | Megan Meghan Meagan | Melissa Mellissa | Mia Mya | Micah Mica
Michael Micheal Mikael | Michele Michelle | Miguel Migel | Monica Monika | Natalie Nathalie | Nicholas Nicolas
Nicole Nichole | Olivia Alivia | Philip Phillip | Rachel Rachael | Rebecca Rebekah | Reese Rhys | Riley Reilly Rylee
Robin Robyn | Ryan Rian | Sara Sarah | Savannah Savanna | Sean Shawn Shaun | Shannon Shanon | Sophia Sofia
Stacy Stacey | Stephanie Stefanie | Stephen Steven Stephan | Stuart Stewart | Susan Suzan | Sydney Sidney
Tamara Tamera | Tara Tarah | Taylor Tayler | Teresa Theresa | Terry Terri | Tiffany Tiffani | Tracy Tracey
Trevor Trever | Tristan Tristen | Tyler Tylor | Vanessa Vanesa | Victoria Viktoria | Vivian Vivienne
Yesenia Jesenia | Zachary Zachery Zackary | Zoe Zoey
Gonzales Gonzalez | Hernandez Hernandes | Jimenez Gimenez Ximenez | Rodriguez Rodrigues | Martinez Martines
Lopez Lopes | Perez Peres | Sanchez Sanches | Gomez Gomes | Ramirez Ramires | Chavez Chaves | Cortez Cortes
Velasquez Velazquez | Vazquez Vasquez | Estevez Esteves | Valdez Valdes | Quinones Quinonez | Baez Vaez
Smith Smyth | Johnson Johnston Johnsen | Brown Browne | Clark Clarke | Cook Cooke | Davis Davies | Reed Reid Read
Allen Allan | Anderson Andersen | Nelson Nelsen | Olson Olsen | Hansen Hanson | Larson Larsen | Peterson Petersen
Thompson Thomson | Meyer Meyers Myers | Snyder Snider | Schmidt Schmitt | Moore More | Green Greene | Gray Grey
Wood Woods | Stephens Stevens | Stewart Stuart | Harris Harriss | Phillips Philips | White Whyte
Zhang Chang Cheung | Chen Chan Chin | Li Lee | Wang Wong | Liu Lau Lew | Huang Hwang Wong | Lin Lam | Zhou Chow Chou
Wu Woo Ng | Xu Hsu | Zhao Chao Chiu | Zheng Cheng | Cai Tsai Choi | Xie Hsieh | Guo Kuo Kwok | Xiao Hsiao
Zhu Chu | Jiang Chiang | Qian Chien | Song Sung | Deng Teng Tang | Feng Fung | He Ho | Ye Yeh Yip | Yang Young Yeung
Nguyen Ngyen Nguyn | Vu Vo | Hoang Huynh
Mohamed Mohammed Muhammad Mohamud Maxamed | Ahmed Ahmad Axmed | Hussein Hussain Husayn Xuseen | Hassan Hasan Xasan
Ali Aly Cali | Abdi Cabdi | Abdullah Abdulla Abdallah | Abdullahi Cabdullahi | Abdirahman Abdulrahman Abdurahman
Omar Omer Umar Cumar | Osman Othman Cusmaan | Ibrahim Ebrahim | Ismail Ismael Ismaciil | Yusuf Yousef Yusef Yuusuf
Youssef Yousef | Said Saeed Siciid | Aisha Ayesha Caasha Aysha | Fatima Fatma Faduma Fadumo | Khadija Khadijah Qadiijo
Amina Aminah Aamina | Halima Halimo Xaliimo | Maryam Mariam Maryan Miriam | Zainab Zaynab Zeinab | Hawa Xaawo Hawo
Nur Noor Nuur | Farah Faarax | Jama Jaamac | Warsame Warsama | Mahmoud Mahmud Mahamud | Mustafa Mostafa | Khalid Khaled
Kareem Karim | Rashid Rasheed | Jamal Gamal | Salim Saleem Salem | Samir Sameer | Tariq Tarek Tarik | Walid Waleed
Nasser Nasir Naser | Hamid Hameed | Yasmin Yasmeen | Leila Layla Laila | Nadia Nadya | Haddad Hadad
Patel Patil | Sharma Sarma | Agarwal Aggarwal Agrawal | Choudhury Chowdhury Chaudhary | Reddy Reddi | Singh Sing
"""

#: Last names with particles, apostrophes and inner capitals, which trip parsers everywhere.
PARTICLE_SURNAMES = tuple(
    """O'Brien|O'Connor|O'Neill|O'Donnell|O'Leary|O'Malley|McDonald|McCarthy|McKenzie|McLaughlin|MacDonald|MacLeod
    |Van Dyke|Van Buren|Van Horn|van den Berg|van der Meer|van der Linden|de Vries|de Jong|ter Horst|von Braun
    |von Stein|Von Essen|De Luca|De Angelis|Di Marco|Di Stefano|D'Angelo|D'Amico|Della Rocca|Le Blanc|Le Roux
    |La Fleur|Du Bois|De Souza|Dos Santos|Da Silva|St. Clair|St. John|Fitz Gerald|De Witt|Vander Ploeg""".replace(
        "\n    ", ""
    ).split("|")
)

SPANISH_PARTICLE_SURNAMES = tuple(
    "de la Cruz|de la Rosa|de la Torre|del Toro|del Río|de León|de los Santos|de la Garza|de Anda|San Martín".split("|")
)

SOMALI_MEN = tuple(
    """Mohamed Abdi Ahmed Ali Hassan Abdullahi Hussein Omar Ibrahim Yusuf Abdirahman Osman Farah Said Mahad Ismail Nur
    Jama Abdikadir Bashir Liban Khalid Mustafa Zakaria Hamza Bilal Abdiaziz Abdifatah Guled Warsame Dahir Sharif Aden
    Salah Mukhtar Idris Yahya Ayub Dalmar Roble Shire Hirsi Samatar Geedi""".split()
)
SOMALI_WOMEN = tuple(
    """Fatima Amina Halima Khadija Hawa Maryam Asha Sahra Hodan Ifrah Ayan Nasra Hibo Ubah Safiya Zamzam Ikran Sumaya
    Ruqiya Naima Fardowsa Idil Anisa Hani Muna Deqa Sagal Ladan Fowsia Habiba Nimo Rahma Zahra Samira Filsan
    Shukri Qamar Bishaaro Cawo Ebyan""".split()
)
ARABIC_MEN = tuple(
    """Mohammed Ahmad Ali Omar Hussein Hassan Mahmoud Ibrahim Khalid Yousef Mustafa Abdullah Kareem Tariq Samir Walid
    Nasser Jamal Rashid Salim Hamid Bilal Zaid Faisal Amir Anas Rami Sami Ziad Bassam Fadi Majid Adel Nabil Imad
    Marwan Qasim Haidar Laith Yasin""".split()
)
ARABIC_WOMEN = tuple(
    """Fatima Maryam Aisha Zainab Noor Layla Yasmin Amina Huda Rania Salma Nadia Hanan Iman Lina Dina Rana Samar Sara
    Reem Hala Mona Aya Farah Jana Lamia Wafa Suha Dalal Ghada Asma Basma Hiba Maha Nada Rula Shireen Tala
    Widad Yara""".split()
)
ARABIC_SURNAMES = tuple(
    """Haddad Khoury Al-Masri Mansour Al-Hassan Saleh Nasser Hamdan Al-Khalil Ibrahim Al-Ahmad Issa Qasim Darwish
    Al-Najjar Shaheen Al-Sayed Habib Aziz Farhat Abu-Bakr Awad Hamad Khalil Al-Jabouri Sabbagh Tahan Zaman Al-Rashid
    Barakat Sultan Rahman Salama Al-Amin Nassar Fakhoury Hijazi Kanaan Abu-Zaid Jaber Al-Tamimi Shammas Younes Bishara
    Al-Dulaimi Hashem Sharif Atallah Maalouf Al-Bayati""".split()
)

_ROMAN = (
    "а:a б:b в:v г:g ґ:g д:d е:e є:ye ж:zh з:z и:i і:i ї:yi к:k л:l м:m н:n о:o п:p р:r с:s т:t у:u ф:f ц:ts ч:ch "
    "ш:sh щ:shch ъ: ы:y ь: э:e"
)
#: Two ways to write Cyrillic in Latin letters: that of passports, and an older one found on school records.
CYRILLIC_PASSPORT = {pair.split(":")[0]: pair.split(":")[1] for pair in f"{_ROMAN} ё:e й:i х:kh ю:iu я:ia".split(" ")}
CYRILLIC_SCHOOL = {pair.split(":")[0]: pair.split(":")[1] for pair in f"{_ROMAN} ё:yo й:y х:h ю:yu я:ya".split(" ")}


def lines(table: str) -> list[list[str]]:
    """Split a table of this module into its lines of names."""
    return [entry.split() for entry in table.replace("\n", " | ").split("|") if entry.strip()]
